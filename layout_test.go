// Package penstock_test keeps the rules of the house: which package may import which, where goroutines and clocks may appear, what a
// package must say about itself. Each rule is a row of a table with its reason; each was seen red with synthetic input.
package penstock_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	module       = "penstock/"
	gnet         = "github.com/panjf2000/gnet/v2"
	clientGolang = "github.com/prometheus/client_golang"

	lineLimit = 800 // of one file; a longer one is two that have not parted yet
)

// A packageRule forbids imports to the packages that match. Patterns are paths; `x/...` is x and all below it.
type packageRule struct {
	packages  []string // relative to the module
	but       []string // of these, packages the rule is not for
	own       []string // of ours, directly or through others
	other     []string // standard library and dependencies, directly
	otherSave []string // of these, what may be imported all the same
	because   string
}

var (
	sockets = []string{"net/...", "crypto/tls", "os/...", "syscall/...", "golang.org/x/sys/..."}
	pure    = []string{"net/netip", "net/url"} // parse text, open nothing
	codecs  = []string{"http1", "upstream/h2", "upstream/h1", "upstream/stream"}
)

var packageRules = []packageRule{
	{
		packages: []string{"pool"}, own: []string{"..."}, other: append([]string{"time"}, sockets...),
		because: "it is the ground",
	},
	{
		packages: []string{"tuning"}, own: []string{"..."},
		because: "it describes a host, whatever runs on it",
	},
	{
		packages: []string{"loop/..."}, own: []string{"http1/...", "upstream/...", "server/...", "tuning/..."},
		because: "it moves bytes and time, whatever they mean",
	},
	{
		packages: codecs, own: []string{"loop/...", "server/...", "tuning/..."}, other: sockets, otherSave: pure,
		because: "tests, fuzzers and simulation drive codecs byte by byte",
	},
	{
		packages: []string{"http1"}, own: []string{"upstream/..."},
		because: "imports point down the list in the design: server, upstream, http1, loop, pool",
	},
	{
		packages: []string{"upstream/..."}, own: []string{"server/..."},
		because: "connections to providers do not know what an LLM request is",
	},
	{
		packages: []string{
			"server/auth/...", "server/limit/...", "server/route/...", "server/cache/...", "server/account/...",
			"server/config", "server/dialect/...",
		},
		own:   []string{"server/gateway/...", "server/admin/...", "loop/...", "upstream/..."},
		other: []string{"net/...", gnet + "/..."}, otherSave: pure,
		because: "one decision each, a plain call; Redis and sockets sit behind interfaces elsewhere",
	},
	{
		packages: []string{"server/gateway/..."}, other: sockets, otherSave: pure,
		because: "it runs in looptest as on metal",
	},
	{
		packages: []string{"..."}, but: []string{"loop"}, other: []string{gnet + "/..."},
		because: "one package alone knows whose poller it is",
	},
	{
		packages: []string{"loop"}, other: []string{gnet + "/..."},
		otherSave: []string{gnet + "/pkg/netpoll", gnet + "/pkg/errors", gnet + "/pkg/queue"},
		because:   "the loop uses gnet's poller and the types in its signatures, not its engine",
	},
	{
		packages: []string{"..."}, but: []string{"server/admin", "bench/..."},
		other:   []string{"net/http/...", "golang.org/x/net/http2", "golang.org/x/net/http2/h2c", "expvar"},
		because: "one way to do HTTP on the data path",
	},
	{
		packages: []string{"..."}, but: []string{"server/admin"}, other: []string{clientGolang + "/..."},
		because: "metrics are gathered by asking the loops; only the admin port speaks Prometheus' own types",
	},
	{
		packages: []string{"..."}, but: []string{"bench/..."}, own: []string{"bench/...", "server/penstock/..."},
		because: "measuring and main come last: nothing stands on them",
	},
}

// A sourceRule forbids `go` statements or calls by name in packages that match, test files apart.
type sourceRule struct {
	packages []string
	goes     bool     // forbid `go`
	names    []string // forbid package.Name of the standard library
	because  string
}

var sourceRules = []sourceRule{
	{
		packages: append([]string{"pool", "server/gateway/...", "server/auth/...", "server/route/...", "server/dialect/..."}, codecs...),
		goes:     true,
		because:  "the thread belongs to the loop; other work goes through the mailbox to the workers",
	},
	{
		packages: append([]string{"pool", "server/gateway/...", "server/dialect/..."}, codecs...),
		names: []string{
			"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker", "time.Tick",
		},
		because: "the time of a poll batch is handed in, and simulation turns it",
	},
}

// mustExist are the packages without which Penstock is not whole.
var mustExist = []string{
	"http1", "upstream", "upstream/h2", "upstream/h1", "upstream/stream", "loop", "loop/looptest", "pool", "tuning",
	"server/penstock", "server/config", "server/gateway", "server/auth", "server/route", "server/dialect", "server/observe", "server/admin",
	"server/sim",
}

// topLevel are the folders of the root; beside them only docs and folders whose name starts with a dot.
var topLevel = []string{"server", "loop", "http1", "upstream", "pool", "tuning", "bench"}

// notOurs are folders that are made by tools and stay out of the repository.
var notOurs = []string{"bin", "node_modules", "testdata"}

// dependencies are the modules that go.mod may name as direct, each with its reason.
var dependencies = map[string]string{
	"github.com/bytedance/sonic":        "JSON, with SIMD",
	"github.com/goccy/go-yaml":          "the configuration, with line and column of each fault",
	gnet:                                "the poller under the loop",
	clientGolang:                        "the metrics page",
	"github.com/valyala/bytebufferpool": "buffers off the loops",
	"golang.org/x/net":                  "HPACK tables",
	"golang.org/x/sys":                  "system calls that package syscall lacks",
}

// goPackage is what `go list -json` says of a package.
type goPackage struct {
	ImportPath string
	GoFiles    []string // for the build tags asked for last; test files apart
	Imports    []string // directly, without those of test files
	Deps       []string // and through others
}

// relative is the path below the module, "" for the root.
func (p *goPackage) relative() string {
	return strings.TrimPrefix(p.ImportPath, module)
}

// matches reports whether a path is meant by one of the patterns.
func matches(name string, patterns []string) bool {
	for _, pattern := range patterns {
		stem, below := strings.CutSuffix(pattern, "...")
		stem = strings.TrimSuffix(stem, "/")
		if name == stem || below && (stem == "" || strings.HasPrefix(name, stem+"/")) {
			return true
		}
	}
	return false
}

// forbiddenImports applies the rules to one package.
func forbiddenImports(rules []packageRule, p *goPackage) []string {
	var faults []string
	for _, rule := range rules {
		if !matches(p.relative(), rule.packages) || matches(p.relative(), rule.but) {
			continue
		}
		for _, dep := range p.Deps {
			name, isOurs := strings.CutPrefix(dep, module)
			// What belongs to the same folder is the package itself.
			if isOurs && matches(name, rule.own) && !strings.HasPrefix(name, p.relative()+"/") {
				faults = append(faults, fmt.Sprintf("%s knows %s (%s): %s", p.relative(), name, way(p, dep), rule.because))
			}
		}
		for _, name := range p.Imports {
			if !strings.HasPrefix(name, module) && matches(name, rule.other) && !matches(name, rule.otherSave) {
				faults = append(faults, fmt.Sprintf("%s imports %s: %s", p.relative(), name, rule.because))
			}
		}
	}
	return faults
}

func way(p *goPackage, dep string) string {
	if slices.Contains(p.Imports, dep) {
		return "directly"
	}
	return "through another package"
}

// forbiddenSource applies the rules to one file.
func forbiddenSource(rules []sourceRule, name string, files *token.FileSet, file *ast.File) []string {
	imported := map[string]string{} // name in the file → import path
	for _, spec := range file.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // a file that does not compile is the compiler's business
		}
		local := path.Base(importPath)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		imported[local] = importPath
	}
	var faults []string
	for _, rule := range rules {
		if !matches(name, rule.packages) {
			continue
		}
		fault := func(node ast.Node, what string) {
			faults = append(faults, fmt.Sprintf("%s: %s: %s", files.Position(node.Pos()), what, rule.because))
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.GoStmt:
				if rule.goes {
					fault(node, "a go statement")
				}
			case *ast.SelectorExpr:
				if left, ok := node.X.(*ast.Ident); ok {
					if full := imported[left.Name] + "." + node.Sel.Name; slices.Contains(rule.names, full) {
						fault(node, full)
					}
				}
			case *ast.ImportSpec:
				// A dot import would hide the names from this test.
				if node.Name != nil && node.Name.Name == "." && len(rule.names) > 0 {
					fault(node, "a dot import")
				}
			}
			return true
		})
	}
	return faults
}

// docFaults wants exactly one package comment among the files of a package, with the parts that every package answers. Programs
// under bench are exempt from the parts: they are run by hand, not built upon.
func docFaults(name string, docs []string) []string {
	if len(docs) != 1 {
		return []string{fmt.Sprintf("%s has %d package comments instead of one", name, len(docs))}
	}
	var faults []string
	for _, part := range []string{"May not know:", "Threads:", "Bytes:"} {
		if !strings.Contains(docs[0], "\n"+part+" ") && !matches(name, []string{"bench/..."}) {
			faults = append(faults, fmt.Sprintf("%s: its package comment lacks %q", name, part))
		}
	}
	return faults
}

// folderFaults compares the folders of the root with those that the design has.
func folderFaults(folders []string) []string {
	var faults []string
	for _, name := range folders {
		if !slices.Contains(topLevel, name) && !slices.Contains(notOurs, name) && name != "docs" && !strings.HasPrefix(name, ".") {
			faults = append(faults, "the root has a folder that the design does not: "+name)
		}
	}
	for _, name := range topLevel {
		if !slices.Contains(folders, name) {
			faults = append(faults, "the root lacks the folder "+name)
		}
	}
	return faults
}

func missing(want []string, have []goPackage) []string {
	var faults []string
	for _, name := range want {
		if !slices.ContainsFunc(have, func(p goPackage) bool { return p.relative() == name }) {
			faults = append(faults, "there is no package "+name)
		}
	}
	return faults
}

// dependencyFaults reads go.mod: the direct requirements are the listed ones, and each is imported somewhere.
func dependencyFaults(goMod string, imports map[string]bool) []string {
	direct := map[string]bool{}
	for line := range strings.Lines(goMod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) == 2 && strings.HasPrefix(fields[1], "v") {
			direct[fields[0]] = true // an indirect one has a comment behind it
		}
	}
	var faults []string
	for name := range direct {
		if dependencies[name] == "" {
			faults = append(faults, "go.mod requires "+name+", which is not in this test's table with a reason")
		}
	}
	for name, reason := range dependencies {
		used := false
		for importPath := range imports {
			used = used || matches(importPath, []string{name + "/..."})
		}
		if !direct[name] || !used {
			faults = append(faults, fmt.Sprintf("%s (%s) is not a direct requirement (%v) or not imported (%v)", name, reason, direct[name], used))
		}
	}
	slices.Sort(faults)
	return faults
}

// listPackages asks the go command, once, with and without the tag invariants, whose files are code as well. -e: a package that
// does not compile is some other test's failure.
var listPackages = sync.OnceValues(func() ([]goPackage, error) {
	found := map[string]goPackage{}
	for _, tags := range []string{"", "invariants"} {
		command := exec.Command("go", "list", "-e", "-tags", tags, "-json=ImportPath,GoFiles,Imports,Deps", "./...")
		var stderr bytes.Buffer
		command.Stderr = &stderr
		out, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w\n%s", err, stderr.String())
		}
		for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
			var p goPackage
			if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			before := found[p.ImportPath]
			p.Imports = union(before.Imports, p.Imports)
			p.Deps = union(before.Deps, p.Deps)
			found[p.ImportPath] = p
		}
	}
	list := slices.Collect(maps.Values(found))
	slices.SortFunc(list, func(a, b goPackage) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return list, nil
})

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Error(fault)
	}
}

func TestImports(t *testing.T) {
	list, err := listPackages()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 2 {
		t.Fatalf("go list knows %d packages", len(list))
	}
	for i := range list {
		report(t, forbiddenImports(packageRules, &list[i]))
	}
}

func TestPackagesExist(t *testing.T) {
	list, err := listPackages()
	if err != nil {
		t.Fatal(err)
	}
	// A folder with test files alone is not the package that is looked for.
	list = slices.DeleteFunc(slices.Clone(list), func(p goPackage) bool { return len(p.GoFiles) == 0 })
	report(t, missing(mustExist, list))
}

// TestSource reads every file, whatever its build tags: go and clocks where they may not be, package comments, length, dependencies.
func TestSource(t *testing.T) {
	docs, imports := map[string][]string{}, map[string]bool{}
	files := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && (strings.HasPrefix(entry.Name(), ".") || slices.Contains(notOurs, entry.Name())) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if lines := bytes.Count(text, []byte("\n")); lines > lineLimit {
			t.Errorf("%s has %d lines; %d are the bound", name, lines, lineLimit)
		}
		file, err := parser.ParseFile(files, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			if importPath, err := strconv.Unquote(spec.Path.Value); err == nil {
				imports[importPath] = true
			}
		}
		if strings.HasSuffix(name, "_test.go") {
			return nil
		}
		folder := filepath.ToSlash(filepath.Dir(name))
		if docs[folder] == nil {
			docs[folder] = []string{}
		}
		if file.Doc != nil {
			docs[folder] = append(docs[folder], file.Doc.Text())
		}
		report(t, forbiddenSource(sourceRules, folder, files, file))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder, texts := range docs {
		report(t, docFaults(folder, texts))
	}
	goMod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	report(t, dependencyFaults(string(goMod), imports))
}

func TestFolders(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, entry := range entries {
		if entry.IsDir() {
			folders = append(folders, entry.Name())
		}
	}
	report(t, folderFaults(folders))
}
