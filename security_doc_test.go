package penstock_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityNamesWhatIsThere: every test and every file that SECURITY.md counts on exists.
func TestSecurityNamesWhatIsThere(t *testing.T) {
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		tests.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllSubmatch(text, -1)
	for _, n := range named {
		if !strings.Contains(tests.String(), "\nfunc "+string(n[1])+"(") {
			t.Errorf("there is no %s", n[1])
		}
	}
	files := regexp.MustCompile("`((?:server|loop|http1|upstream)[a-z0-9/_]*(?:\\.go)?)`").FindAllSubmatch(text, -1)
	for _, f := range files {
		if _, err := os.Stat(string(f[1])); err != nil {
			t.Error(err)
		}
	}
	if len(named) < 50 || len(files) < 15 {
		t.Errorf("%d tests and %d files are named, so this test sees too little", len(named), len(files))
	}
}
