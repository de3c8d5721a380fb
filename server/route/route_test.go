package route

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"penstock/server/route/pattern"
)

// Providers of testSpec, by index.
const (
	openai = iota
	claude
	local
	other
)

func testSpec() Spec {
	return Spec{
		Providers: []ProviderSpec{
			openai: {Name: "openai", Serves: []string{"gpt-*", "o*", "shared-*", "both"}},
			claude: {Name: "claude", Serves: []string{"claude-*", "shared-*", "gpt-*-on-claude", "opus", "both"}},
			local:  {Name: "local", Serves: []string{"gpt-5-local", "llama", "*", "a**b"}},
			other:  {Name: "other"},
		},
		Models: []ModelSpec{
			{
				Name: "fast", Strategy: Weighted,
				Targets: []Target{
					{Provider: openai, Model: "gpt-5-mini", Weight: 3},
					{Provider: claude, Model: "claude-haiku-5", Weight: 1},
				},
				Fallback: []Target{{Provider: local, Model: "llama"}},
			},
			{Name: "steady", Strategy: Ordered, Targets: []Target{{Provider: claude, Weight: 9}, {Provider: local}}},
			{Name: "openai/special", Targets: []Target{{Provider: other, Model: "special"}}},
			{Name: "llama", Targets: []Target{{Provider: local, Model: "llama"}, {Provider: other, Model: "ll\"a\\m\na"}}},
		},
	}
}

func mustTable(t testing.TB, spec Spec) *Table {
	t.Helper()
	table, err := NewTable(spec)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestResolve(t *testing.T) {
	table := mustTable(t, testSpec())
	r := Resolved{Entry: &Entry{}, Provider: 77, Model: []byte("stale")}
	check := func(model, entry string, provider int, asked string) {
		t.Helper()
		if !table.Resolve([]byte(model), &r) {
			t.Errorf("%q is unknown", model)
			return
		}
		name := ""
		if r.Entry != nil {
			name = r.Entry.Name
		}
		if name != entry || r.Provider != provider || string(r.Model) != asked || (r.Model == nil) != (asked == "") {
			t.Errorf("%q: entry %q, provider %d, model %q", model, name, r.Provider, r.Model)
		}
	}
	check("fast", "fast", 0, "")
	check("llama", "llama", 0, "") // before serves
	check("openai/special", "openai/special", 0, "")
	check("openai/gpt-5", "", openai, "gpt-5")
	check("openai/fast", "", openai, "fast")
	check("local/meta-llama/Llama:70b/x", "", local, "meta-llama/Llama:70b/x")
	check("other/*", "", other, "*")
	check("other/chat?ttft=50ms&tokens=200&error=429", "", other, "chat?ttft=50ms&tokens=200&error=429")
	check("other//x", "", other, "/x")
	check("gpt-5", "", openai, "")
	check("gpt-5-local", "", local, "")      // literal before pattern, although a later provider's
	check("gpt-5-on-claude", "", claude, "") // longer pattern before shorter
	check("shared-x", "", openai, "")        // the same pattern: the first provider
	check("both", "", openai, "")            // the same name: the first provider
	check("opus", "", claude, "")            // literal before "o*"
	check("oh", "", openai, "")
	check("a-b", "", local, "")
	check("unheard/of", "", local, "") // no such provider: as a name
	check("openai/", "", openai, "")   // no prefix route without a rest; "o*"
	check("/x", "", local, "")
	check("OpenAI/gpt-5", "", local, "")
	check("*", "", local, "")

	unknown := func(table *Table, model string) {
		t.Helper()
		r = Resolved{Entry: &Entry{}, Provider: 77, Model: []byte("stale")}
		if table.Resolve([]byte(model), &r) || r.Entry != nil || r.Provider != 0 || r.Model != nil {
			t.Errorf("%q: %+v", model, r)
		}
	}
	unknown(table, "")
	unknown(table, strings.Repeat("x", pattern.MaxNameBytes+1))
	unknown(table, "openai/"+strings.Repeat("x", pattern.MaxNameBytes))
	few := testSpec()
	few.Providers[local].Serves = nil
	table = mustTable(t, few)
	unknown(table, "unheard/of")
	unknown(table, "mistral")
	unknown(table, "Fast")
	unknown(table, "fas")
	unknown(table, "fast ")
	unknown(table, "claude")
	unknown(table, "claude/")
	unknown(mustTable(t, Spec{}), "fast")
}

// planText gives the plan as text: provider:model for each target, '~' before a view, '=' where the client's literal stays.
func planText(plan []Target) string {
	var s []string
	for _, g := range plan {
		model := g.Model
		switch {
		case g.ModelView != nil:
			model = "~" + string(g.ModelView)
		case g.ModelJSON == nil:
			model += "="
		}
		s = append(s, strconv.Itoa(g.Provider)+":"+model)
	}
	return strings.Join(s, " ")
}

func TestPlan(t *testing.T) {
	table := mustTable(t, testSpec())
	st := NewState(table)
	plan := make([]Target, 0, table.MaxPlan())
	check := func(model, want string) {
		t.Helper()
		var r Resolved
		if !table.Resolve([]byte(model), &r) {
			t.Fatalf("%q is unknown", model)
		}
		plan = table.Plan(&r, st, plan)
		if got := planText(plan); got != want {
			t.Errorf("%s: %s, want %s", model, got, want)
		}
	}
	const mini, haiku = "0:gpt-5-mini 1:claude-haiku-5 2:llama", "1:claude-haiku-5 0:gpt-5-mini 2:llama"
	for range 3 {
		check("fast", mini)
		check("fast", mini)
		check("steady", "1:= 2:=") // another model does not move the shares of this one
		check("fast", haiku)
		check("fast", mini)
	}
	check("openai/special", "3:special")
	check("openai/gpt-5", "0:~gpt-5")
	check("gpt-5", "0:=")
	check("llama", "2:llama= 3:ll\"a\\m\na")
	if table.MaxPlan() != 3 {
		t.Errorf("MaxPlan %d", table.MaxPlan())
	}
}

func TestModelJSON(t *testing.T) {
	table := mustTable(t, testSpec())
	var r Resolved
	table.Resolve([]byte("llama"), &r)
	if got := r.Entry.Targets[0].ModelJSON; got != nil {
		t.Errorf("a literal for what does not change: %s", got)
	}
	if got := string(r.Entry.Targets[1].ModelJSON); got != `"ll\"a\\m\u000aa"` {
		t.Errorf("%s", got)
	}
}

// TestPlanWithAForeignState makes sure that a state from before a reload does no harm.
func TestPlanWithAForeignState(t *testing.T) {
	table := mustTable(t, testSpec())
	old := NewState(mustTable(t, Spec{}))
	var r Resolved
	table.Resolve([]byte("fast"), &r)
	for range 5 {
		for _, st := range []*State{old, nil} {
			if got := planText(table.Plan(&r, st, nil)); !strings.HasPrefix(got, "0:") {
				t.Errorf("%s", got)
			}
		}
	}
}

// TestSharesAreExact counts the first choices over cycles, and how far a share is ever off on the way there.
func TestSharesAreExact(t *testing.T) {
	for _, weights := range [][]int{{1}, {3, 1}, {1, 3}, {1, 1, 1}, {5, 1, 1}, {7, 3, 2}, {100, 1}, {0, 2}, {97, 89, 83, 1}, {1000, 1, 1, 1, 1, 1}} {
		spec := Spec{Providers: make([]ProviderSpec, len(weights))}
		m := ModelSpec{Name: "m", Strategy: Weighted}
		total := 0
		for i, w := range weights {
			spec.Providers[i].Name = "p" + strconv.Itoa(i)
			m.Targets = append(m.Targets, Target{Provider: i, Weight: w})
			total += max(w, 1)
		}
		spec.Models = []ModelSpec{{Name: "before", Strategy: Weighted, Targets: m.Targets}, m}
		table := mustTable(t, spec)
		st := NewState(table)
		var r, before Resolved
		table.Resolve([]byte("m"), &r)
		table.Resolve([]byte("before"), &before)
		counts := make([]int, len(weights))
		var plan []Target
		for n := 1; n <= 3*total; n++ {
			plan = table.Plan(&r, st, plan)
			counts[plan[0].Provider]++
			if len(plan) != len(weights) {
				t.Fatalf("%v: a plan of %d targets", weights, len(plan))
			}
			for i, w := range weights {
				// Exact at the end of each cycle, and never a whole request per target off within one.
				off := counts[i]*total - n*max(w, 1)
				if n%total == 0 && off != 0 || max(off, -off) > total*len(weights) {
					t.Fatalf("%v: target %d was first %d times in %d", weights, i, counts[i], n)
				}
			}
			if n%5 == 0 { // choices of another model in between
				plan = table.Plan(&before, st, plan)
			}
		}
	}
}

func TestNames(t *testing.T) {
	got := mustTable(t, testSpec()).Names()
	want := []string{"fast", "steady", "openai/special", "llama", "both", "opus", "gpt-5-local"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := mustTable(t, Spec{}).Names(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestTableIsACopy(t *testing.T) {
	spec := testSpec()
	table := mustTable(t, spec)
	spec.Models[0].Targets[0].Provider = other
	spec.Models[0].Fallback[0].Provider = other
	var r Resolved
	table.Resolve([]byte("fast"), &r)
	if r.Entry.Targets[0].Provider != openai || r.Entry.Fallback[0].Provider != local {
		t.Error("the table shares the targets it was made from")
	}
}

func TestNewTableRefuses(t *testing.T) {
	check := func(change func(s *Spec), want ...string) {
		t.Helper()
		spec := testSpec()
		change(&spec)
		table, err := NewTable(spec)
		if err == nil || table != nil {
			t.Errorf("no error, want %q", want)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%v, want %q", err, w)
			}
		}
	}
	target := Target{Provider: local}
	check(func(s *Spec) { s.Providers[1].Name = "openai" }, `provider "openai": configured twice`)
	check(func(s *Spec) { s.Providers[1].Name = "" }, `provider ""`)
	check(func(s *Spec) { s.Providers[1].Name = "a/b" }, `provider "a/b"`)
	check(func(s *Spec) { s.Providers[1].Name = "a*" }, `provider "a*"`)
	check(func(s *Spec) { s.Providers[1].Serves = []string{""} }, `provider "claude": serves`)
	check(func(s *Spec) { s.Models[1].Name = "fast" }, `model "fast": configured twice`)
	check(func(s *Spec) { s.Models[1].Name = "" }, `model ""`)
	check(func(s *Spec) { s.Models[1].Name = "a*" }, `model "a*"`)
	check(func(s *Spec) { s.Models[1].Name = strings.Repeat("x", pattern.MaxNameBytes+1) }, "at most 2048 bytes")
	check(func(s *Spec) { s.Models[1].Targets = nil }, `model "steady": has 0 targets`)
	check(func(s *Spec) { s.Models[1].Fallback = slices.Repeat([]Target{target}, 31) }, `2 targets and 31 fallbacks`)
	check(func(s *Spec) { s.Models[1].Targets[1].Provider = 4 }, `model "steady": target 1: there is no provider with index 4`)
	check(func(s *Spec) { s.Models[0].Fallback[0].Provider = -1 }, `model "fast": fallback 0: there is no provider`)
	check(func(s *Spec) { s.Models[0].Targets[0].Weight = -1 }, "weight -1")
	check(func(s *Spec) { s.Models[0].Targets[0].Weight = 1_000_001 }, "weight 1000001")
	check(func(s *Spec) { s.Models[0].Targets[0].Model = "\xff" }, "not UTF-8")
	for _, strategy := range []Strategy{"least_loaded", "latency", "affinity", "cost", "fastest", "Weighted"} {
		check(func(s *Spec) { s.Models[0].Strategy = strategy }, `model "fast": strategy "`+string(strategy)+`" does not exist`, `"ordered"`, `"weighted"`)
	}
	check(func(s *Spec) { s.Models[0].Strategy, s.Models[1].Targets = "cost", nil }, `strategy "cost"`, `model "steady"`)
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("gpt-5")
	f.Add("a\"b\\c\nd\x00\u00e9\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ToValidUTF8(s, "") != s {
			return
		}
		out := AppendJSON([]byte("x"), []byte(s))
		var got string
		if err := json.Unmarshal(out[1:], &got); err != nil || got != s || out[0] != 'x' {
			t.Errorf("%q became %s: %v", s, out, err)
		}
		if string(AppendJSON(nil, s)) != string(out[1:]) {
			t.Errorf("string and bytes differ")
		}
	})
}

// FuzzResolve holds Resolve against the rules written down plainly.
func FuzzResolve(f *testing.F) {
	f.Add("gpt-5", "gpt-*", "*-5")
	f.Add("b/gpt-5", "x", "*")
	f.Add("a", "a", "a")
	f.Fuzz(func(t *testing.T, model, serveA, serveB string) {
		spec := Spec{Providers: []ProviderSpec{{Name: "a", Serves: []string{serveA}}, {Name: "b", Serves: []string{serveB}}}}
		table, err := NewTable(spec)
		if err != nil || strings.Contains(serveA+"|"+serveB, "**") {
			return
		}
		want, asked := -1, ""
		best := -1
		for i, s := range []string{serveA, serveB} {
			rank := len(s)
			if !pattern.IsPattern(s) {
				rank = 1 << 30
			}
			if pattern.Match(s, []byte(model)) && rank > best {
				want, best = i, rank
			}
		}
		for i, p := range []string{"a/", "b/"} {
			if rest, ok := strings.CutPrefix(model, p); ok && rest != "" {
				want, asked = i, rest
			}
		}
		var r Resolved
		ok := table.Resolve([]byte(model), &r)
		if model == "" || len(model) > pattern.MaxNameBytes {
			want, asked = -1, ""
		}
		if ok != (want >= 0) || ok && r.Provider != want || string(r.Model) != asked {
			t.Errorf("%q with %q and %q: %v %+v, want %d %q", model, serveA, serveB, ok, r, want, asked)
		}
	})
}
