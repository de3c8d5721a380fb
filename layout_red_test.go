package penstock_test

import (
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// breaking holds, for each rule of imports in the order of the table, a package that breaks it and nothing else of that rule.
var breaking = []goPackage{
	{ImportPath: "penstock/pool", Deps: []string{"penstock/loop"}},
	{ImportPath: "penstock/tuning", Deps: []string{"penstock/server/config"}},
	{ImportPath: "penstock/loop/looptest", Deps: []string{"penstock/http1"}},
	{ImportPath: "penstock/upstream/h1", Imports: []string{"net"}},
	{ImportPath: "penstock/http1", Deps: []string{"penstock/upstream/stream"}},
	{ImportPath: "penstock/upstream", Deps: []string{"penstock/server/route"}},
	{ImportPath: "penstock/server/dialect", Deps: []string{"penstock/upstream/stream"}},
	{ImportPath: "penstock/server/gateway", Imports: []string{"os"}},
	{ImportPath: "penstock/server/gateway", Imports: []string{gnet + "/pkg/netpoll"}},
	{ImportPath: "penstock/loop", Imports: []string{gnet}},
	{ImportPath: "penstock/upstream", Imports: []string{"net/http"}},
	{ImportPath: "penstock/server/observe", Imports: []string{clientGolang + "/prometheus"}},
	{ImportPath: "penstock/server/gateway", Deps: []string{"penstock/bench/fixtures"}},
}

func TestEachImportRuleGoesRed(t *testing.T) {
	if len(breaking) != len(packageRules) {
		t.Fatalf("%d packages for %d rules", len(breaking), len(packageRules))
	}
	for i, rule := range packageRules {
		p := breaking[i]
		faults := forbiddenImports(packageRules[i:i+1], &p)
		if len(faults) != 1 || !strings.Contains(faults[0], rule.because) || !strings.Contains(faults[0], p.relative()) {
			t.Errorf("rule %d (%s) on %+v: %q", i, rule.because, p, faults)
		}
	}
}

// TestImportRules: more that must be red, and what must stay green beside it.
func TestImportRules(t *testing.T) {
	check := func(want int, name string, imports, deps []string) {
		t.Helper()
		p := &goPackage{ImportPath: module + name, Imports: imports, Deps: deps}
		if faults := forbiddenImports(packageRules, p); len(faults) != want {
			t.Errorf("%s importing %v, knowing %v: %q, want %d faults", name, imports, deps, faults, want)
		}
	}
	check(1, "http1", []string{"crypto/tls"}, nil)
	check(1, "http1", []string{"golang.org/x/sys/unix"}, nil)
	check(1, "upstream/h2", []string{"os"}, nil)
	check(1, "upstream/h2", nil, []string{"penstock/loop"})
	check(1, "upstream/stream", []string{"syscall"}, nil)
	check(1, "loop", nil, []string{"penstock/upstream/h2"})
	check(1, "server/auth", nil, []string{"penstock/server/gateway"})
	check(1, "server/route", nil, []string{"penstock/loop"})
	check(1, "server/config", []string{"net"}, nil)
	check(2, "server/gateway", []string{"net/http"}, nil) // a socket, and HTTP on the data path
	check(1, "server/penstock", []string{"net/http/pprof"}, nil)
	check(1, "upstream/h2", []string{"golang.org/x/net/http2"}, nil)
	check(1, "server/admin", nil, []string{"penstock/server/penstock"})

	check(0, "http1", []string{"net/netip", "net/url", "strings", "time"}, []string{"penstock/pool", "net", "os"})
	check(0, "upstream/h2", []string{"golang.org/x/net/http2/hpack"}, []string{"penstock/pool", "penstock/upstream/stream"})
	check(0, "upstream", []string{"net", "crypto/tls", "os"}, []string{"penstock/loop", "penstock/upstream/h2", "penstock/pool"})
	check(0, "loop", []string{gnet + "/pkg/netpoll", "golang.org/x/sys/unix", "net"}, []string{"penstock/pool", gnet + "/pkg/netpoll"})
	check(0, "server/auth", nil, []string{"penstock/server/auth/table", "penstock/server/route/pattern"})
	check(0, "server/config/gen", []string{"os", "fmt"}, []string{"penstock/server/config"})
	check(0, "server/admin", []string{"net/http", "net/http/pprof", clientGolang + "/prometheus"}, []string{"penstock/server/observe"})
	check(0, "server/penstock", []string{"os", "net"}, []string{"penstock/server/admin", "penstock/tuning", "net/http"})
	check(0, "bench/load", []string{"net/http"}, []string{"penstock/bench/fixtures"})
}

func TestSourceRulesGoRed(t *testing.T) {
	check := func(want int, name, source string) {
		t.Helper()
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, "x.go", "package x\n"+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if faults := forbiddenSource(sourceRules, name, files, file); len(faults) != want {
			t.Errorf("%s with %q: %q, want %d faults", name, source, faults, want)
		}
	}
	const goes, reads = "func f() { go f() }", "import \"time\"\nvar f = time.Now"
	for _, name := range []string{
		"http1", "upstream/h2", "upstream/h1", "upstream/stream", "pool", "server/gateway", "server/auth", "server/route", "server/dialect",
	} {
		check(1, name, goes)
	}
	for _, name := range []string{"http1", "upstream/h2", "upstream/h1", "pool", "server/gateway", "server/dialect"} {
		check(1, name, reads)
	}
	check(1, "http1", "import clock \"time\"\nvar f = clock.Since")
	check(1, "http1", "import . \"time\"\nvar f = Now")
	check(2, "pool", "import \"time\"\nfunc f() { for { go f(); time.Sleep(1) } }")

	check(0, "http1", "import \"time\"\nvar f = time.Second\nvar now struct { Now int }\nvar g = now.Now")
	check(0, "http1", "type x struct { Now int }\nvar time x\nvar f = time.Now")
	check(0, "loop", goes+"\n")
	check(0, "upstream", goes+"\n")
	check(0, "server/observe", reads)
	check(0, "server/auth", reads)
}

func TestDocRuleGoesRed(t *testing.T) {
	const whole = "Package x is.\n\nMay not know: y.\nThreads: one.\nBytes: none.\n"
	check := func(want int, name string, docs ...string) {
		t.Helper()
		if faults := docFaults(name, docs); len(faults) != want {
			t.Errorf("%s with %q: %q, want %d faults", name, docs, faults, want)
		}
	}
	check(0, "pool", whole)
	check(1, "pool")
	check(1, "pool", whole, whole)
	for _, part := range []string{"May not know:", "Threads:", "Bytes:"} {
		check(1, "pool", strings.Replace(whole, part, "", 1))
	}
	check(0, "bench/load", "Load does.\n")
	check(1, "bench/load")
}

func TestFolderRuleGoesRed(t *testing.T) {
	whole := append([]string{"docs", ".git", ".ci", "bin"}, topLevel...)
	if faults := folderFaults(whole); len(faults) != 0 {
		t.Errorf("the design's own folders: %q", faults)
	}
	if faults := folderFaults(append(whole, "internal")); len(faults) != 1 {
		t.Errorf("one more: %q", faults)
	}
	if faults := folderFaults(whole[:len(whole)-1]); len(faults) != 1 {
		t.Errorf("one less: %q", faults)
	}
}

func TestMissingRuleGoesRed(t *testing.T) {
	var have []goPackage
	for _, name := range mustExist {
		have = append(have, goPackage{ImportPath: module + name})
	}
	if faults := missing(mustExist, have); len(faults) != 0 {
		t.Errorf("all are there: %q", faults)
	}
	for i, name := range mustExist {
		without := slices.Delete(slices.Clone(have), i, i+1)
		if faults := missing(mustExist, without); len(faults) != 1 || !strings.HasSuffix(faults[0], " "+name) {
			t.Errorf("without %s: %q", name, faults)
		}
	}
}

func TestDependencyRuleGoesRed(t *testing.T) {
	imports := map[string]bool{gnet + "/pkg/netpoll": true, "golang.org/x/net/http2/hpack": true, "golang.org/x/sys/unix": true}
	goMod := "module penstock\n\ngo 1.26.0\n\nrequire (\n"
	for name := range dependencies {
		goMod += "\t" + name + " v1.2.3\n"
		if !strings.HasPrefix(name, "golang.org/") && name != gnet {
			imports[name] = true
		}
	}
	goMod += ")\n\nrequire (\n\tgo.uber.org/zap v1.28.0 // indirect\n)\n"
	if faults := dependencyFaults(goMod, imports); len(faults) != 0 {
		t.Errorf("all are there: %q", faults)
	}
	if faults := dependencyFaults(goMod+"require example.org/more v1.0.0\n", imports); len(faults) != 1 {
		t.Errorf("one more: %q", faults)
	}
	if faults := dependencyFaults(strings.Replace(goMod, "golang.org/x/sys v1.2.3", "golang.org/x/sys v1.2.3 // indirect", 1), imports); len(faults) != 1 {
		t.Errorf("one indirect: %q", faults)
	}
	delete(imports, "golang.org/x/sys/unix")
	if faults := dependencyFaults(goMod, imports); len(faults) != 1 {
		t.Errorf("one unused: %q", faults)
	}
}

func TestPatterns(t *testing.T) {
	check := func(want bool, name string, patterns ...string) {
		t.Helper()
		if matches(name, patterns) != want {
			t.Errorf("%q and %q: not %v", name, patterns, want)
		}
	}
	check(true, "net", "net/...")
	check(true, "net/http", "net/...")
	check(false, "network", "net/...")
	check(true, "net", "net")
	check(false, "net/http", "net")
	check(true, "anything/at/all", "...")
	check(false, "x", "y", "z/...")
	check(false, "x")
}
