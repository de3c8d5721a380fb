package route

// State is what a loop remembers between plans: how far each weighted target is behind its share. It belongs to one loop and to
// the Table it was made for.
type State struct {
	table *Table
	due   []int
}

// NewState returns the State of a loop for t.
func NewState(t *Table) *State { return &State{table: t, due: make([]int, t.slots)} }

// Plan writes the targets into plan[:0] in the order in which they are to be tried: the first choice of the strategy, the other
// targets in the order of configuration, the fallbacks. It allocates only where plan's capacity is below MaxPlan.
//
// Under Weighted each call moves st on. Over as many calls as the sum of the weights each target is first exactly as often as
// its weight says, and the choices of one target are spread over that cycle. With a State of another Table (a snapshot was
// swapped between two requests) the choice is the first target, and nothing is moved.
func (t *Table) Plan(r *Resolved, st *State, plan []Target) []Target {
	plan = plan[:0]
	e := r.Entry
	if e == nil {
		return append(plan, Target{Provider: r.Provider, Weight: 1, ModelView: r.Model})
	}
	first := 0
	if e.weighted && st != nil && st.table == t {
		first = st.next(e)
	}
	plan = append(plan, e.Targets[first])
	plan = append(plan, e.Targets[:first]...)
	plan = append(plan, e.Targets[first+1:]...)
	return append(plan, e.Fallback...)
}

// next is smooth weighted round robin: every target earns its weight, the one with the most is chosen and pays the sum.
func (st *State) next(e *Entry) int {
	due := st.due[e.slot : e.slot+len(e.Targets)]
	best := 0
	for i := range due {
		due[i] += e.Targets[i].Weight
		if due[i] > due[best] {
			best = i
		}
	}
	due[best] -= e.total
	return best
}
