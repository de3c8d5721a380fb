package config

import "strings"

// Reference writes docs/configuration.md from the table of keys.
func Reference() []byte {
	var b strings.Builder
	b.WriteString(referenceHead)
	b.WriteString("\n## The process\n\n" + tableHead)
	for _, top := range root.children {
		if len(top.children) == 0 {
			top.reference(&b)
		}
	}
	for _, top := range root.children {
		if len(top.children) == 0 {
			continue
		}
		b.WriteString("\n## " + top.name + "\n\n" + top.meaning + "\n")
		if top.def != "" {
			b.WriteString("Default: `" + top.def + "`.\n")
		}
		b.WriteString("\n" + tableHead)
		for _, c := range top.children {
			c.reference(&b)
		}
	}
	return []byte(b.String())
}

const tableHead = "| key | holds | default | meaning |\n|---|---|---|---|\n"

func (b *branch) reference(to *strings.Builder) {
	holds := shapes[b.shape].name
	switch {
	case len(b.choices) > 0:
		holds = "`" + strings.Join(b.choices, "`, `") + "`"
	case b.low != "":
		holds += ", " + b.low + " to " + b.high
	}
	def := "–"
	if b.def != "" {
		def = "`" + b.def + "`"
	}
	to.WriteString("| `" + b.path + "` | " + holds + " | " + def + " | " + strings.ReplaceAll(b.meaning, "|", `\|`) + " |\n")
	for _, c := range b.children {
		c.reference(to)
	}
}

const referenceHead = `# Configuration

<!-- Generated from the table in server/config/table.go by: go generate ./server/config -->

` + "`penstock serve --config penstock.yaml`" + ` reads one YAML file. Every key is optional. ` + "`penstock check`" + ` reports everything wrong with a
file at once, each fault with file, line and key. Complete files are in [examples](examples).

- **Variables.** ` + "`${NAME}`" + ` in any value is taken from the environment, also inside longer text; ` + "`${NAME:-default}`" + ` when the
  variable may be unset or empty; ` + "`$$`" + ` is a dollar itself. A variable that is not set and has no default is a fault.
- **Secrets.** Where a secret stands, ` + "`file:/path`" + ` takes it from a file, without the line end after it. Secrets never appear
  in faults, logs or a printed configuration.
- **Files** are named from the directory that the process runs in. The configuration, its secrets' files and certificates
  are read again when they change.
- **Sizes** are bytes, or ` + "`64KiB`, `10MiB`, `1GiB`" + ` (binary) or ` + "`64KB`, `10MB`, `1GB`" + ` (decimal). **Times** have a unit:
  ` + "`500ms`, `60s`, `5m`, `1h`" + `.
- **Anchors** and merge keys of YAML work. Top-level keys that begin with ` + "`x-`" + ` are ignored, as a place to keep anchors.
- **Unknown keys** are faults, with the nearest known key named.

Without a file, providers come from ` + "`NAME_API_KEY`" + ` as far as set (and ` + "`NAME_BASE_URL`" + `), for these names: OPENAI, ANTHROPIC,
GEMINI, MISTRAL, GROQ, DEEPSEEK, XAI, OPENROUTER, TOGETHER, FIREWORKS, CEREBRAS, PERPLEXITY, COHERE; plus ` + "`sim`" + `, the simulated
provider inside the binary, on loopback without keys.
`
