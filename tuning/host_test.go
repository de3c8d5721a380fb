package tuning

import (
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

var update = flag.Bool("update", false, "rewrite the golden and generated files")

// fakeHost is a host made of files; those in testdata/hosts are one text each, cut by lines `-- path --` and `-- path -> target --`.
type fakeHost struct {
	files     fstest.MapFS
	soft      uint64
	hard      uint64
	noFileErr error
	cores     []int
	coresErr  error
}

func (h *fakeHost) FS() fs.FS                       { return h.files }
func (h *fakeHost) NoFile() (uint64, uint64, error) { return h.soft, h.hard, h.noFileErr }
func (h *fakeHost) Cores() ([]int, error)           { return h.cores, h.coresErr }

// loadHost returns a host of testdata with the limits and cores that go with it.
func loadHost(t *testing.T, name string) *fakeHost {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "hosts", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	h := &fakeHost{files: fstest.MapFS{}, soft: 1 << 20, hard: 1 << 20, cores: []int{0, 1, 2, 3}}
	switch name {
	case "neglected":
		h.soft, h.hard = 1024, 4096
	case "container":
		h.noFileErr, h.coresErr = errors.New("getrlimit: denied"), errors.New("sched_getaffinity: denied")
	}
	var file *fstest.MapFile
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(line, "-- "); ok {
			file = &fstest.MapFile{Mode: 0o444}
			path, target, isLink := strings.Cut(strings.TrimSuffix(heading, " --\n"), " -> ")
			if isLink {
				file.Mode, file.Data = fs.ModeSymlink|0o777, []byte(target)
			}
			h.files[path] = file
		} else if file != nil {
			file.Data = append(file.Data, line...)
		}
	}
	return h
}

// with returns the host with some files replaced; the value "gone" takes away the file or all below that path.
func (h *fakeHost) with(changes map[string]string) *fakeHost {
	changed := *h
	changed.files = maps.Clone(h.files)
	for path, text := range changes {
		if text != "gone" {
			changed.files[path] = &fstest.MapFile{Data: []byte(text + "\n"), Mode: 0o444}
			continue
		}
		for name := range changed.files {
			if name == path || strings.HasPrefix(name, path+"/") {
				delete(changed.files, name)
			}
		}
	}
	return &changed
}

func profile(t *testing.T, name string) *Profile {
	t.Helper()
	p, ok := ByName(name)
	if !ok {
		t.Fatalf("no profile %q", name)
	}
	return p
}

// compareFile compares with a generated file, or rewrites it with -update, which CI must never do.
func compareFile(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if os.Getenv("CI") != "" {
			t.Fatal("-update has no place in CI")
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if difference := Diff(want, got); difference != "" {
		t.Errorf("%s is not current (go test ./tuning -update rewrites it):\n%s", path, difference)
	}
}
