package observe

import "slices"

// NoneName is the label of what belongs to no name: index -1, and names beyond the bounds of this package.
const NoneName = "none"

// Dims names what a Loop counts by. The position of a name is its index in the Loop's methods. Immutable once given to a Loop.
type Dims struct {
	Providers []string
	Endpoints []string
	Keys      []string // names of client keys, never their values
	Kinds     []string // kinds of upstream failure by their number; at most 16
}

// Extend returns the Dims after a reload: the names of d keep their indices, so that exchanges begun under the old
// configuration still count in the right place, and names that are new in next follow behind. Names that next no longer has stay,
// so that their counters do not vanish.
func (d Dims) Extend(next Dims) Dims {
	return Dims{
		Providers: extend(d.Providers, next.Providers, maxProviders),
		Endpoints: extend(d.Endpoints, next.Endpoints, maxEndpoints),
		Keys:      extend(d.Keys, next.Keys, maxKeys),
		Kinds:     extend(d.Kinds, next.Kinds, maxKinds),
	}
}

func extend(have, next []string, limit int) []string {
	if startsWith(have, next) {
		return have
	}
	out := slices.Clone(have)
	known := make(map[string]bool, len(have)+len(next))
	for _, name := range have {
		known[name] = true
	}
	for _, name := range next {
		if len(out) < limit && !known[name] {
			known[name] = true
			out = append(out, name)
		}
	}
	return out
}

func startsWith(have, names []string) bool {
	return len(have) >= len(names) && slices.Equal(have[:len(names)], names)
}

// Provider is the index of a provider's name, or -1.
func (d Dims) Provider(name string) int { return slices.Index(d.Providers, name) }

// Endpoint is the index of an endpoint's name, or -1.
func (d Dims) Endpoint(name string) int { return slices.Index(d.Endpoints, name) }

// Key is the index of a client key's name, or -1.
func (d Dims) Key(name string) int { return slices.Index(d.Keys, name) }

// addable is a pointer to a plain value that can take in another one.
type addable[T comparable] interface {
	*T
	add(o *T)
}

// table holds one T per name and one more for everything without a name.
type table[T comparable, P addable[T]] struct {
	names []string // never changed in place: copies of the table share it
	items []T      // len(names) + 1
}

func (t *table[T, P]) at(i int) *T {
	if uint(i) >= uint(len(t.names)) {
		i = len(t.names)
	}
	return &t.items[i]
}

// resize gives the table these names in this order. What was counted stays with its name; names that are gone follow behind
// the new ones as long as there is room, and are added to the nameless item where there is none.
func (t *table[T, P]) resize(names []string, limit int) {
	names = names[:min(len(names), limit)]
	next := table[T, P]{names: slices.Clip(extend(names, t.names, limit))}
	next.items = make([]T, len(next.names)+1)
	next.take(t)
	*t = next
}

// take adds everything that o holds, name by name; names that t lacks are added to the nameless item.
func (t *table[T, P]) take(o *table[T, P]) {
	var index map[string]int
	for i := range o.items {
		at := -1
		switch {
		case i == len(o.names):
		case i < len(t.names) && t.names[i] == o.names[i]:
			at = i
		default:
			if index == nil {
				index = indexOf(t.names)
			}
			if k, ok := index[o.names[i]]; ok {
				at = k
			}
		}
		P(t.at(at)).add(&o.items[i])
	}
}

// indexOf maps each name to its first position.
func indexOf(names []string) map[string]int {
	index := make(map[string]int, len(names))
	for i, name := range names {
		if _, ok := index[name]; !ok {
			index[name] = i
		}
	}
	return index
}

// merge is take with room made for names that t lacks.
func (t *table[T, P]) merge(o *table[T, P], limit int) {
	if names := extend(t.names, o.names, limit); t.items == nil || len(names) > len(t.names) {
		t.resize(names, limit)
	}
	t.take(o)
}

// copyInto makes dst equal to t, in dst's memory where it suffices.
func (t *table[T, P]) copyInto(dst *table[T, P]) {
	dst.names = t.names
	dst.items = append(dst.items[:0], t.items...)
}

func (t *table[T, P]) each(f func(name string, item *T)) {
	for i, name := range t.names {
		f(name, &t.items[i])
	}
	var zero T
	if none := len(t.names); none < len(t.items) && t.items[none] != zero {
		f(NoneName, &t.items[none])
	}
}
