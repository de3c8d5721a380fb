package config

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scalar gives a single value's text with its variables put in; false when there is none, or none that is sound. A value that
// is empty because an optional variable is unset counts as not given.
func (p place) scalar() (string, bool) {
	if p.n == nil {
		return "", false
	}
	p.count()
	if p.r.overran {
		return "", false
	}
	if p.n.form == formMap || p.n.form == formList {
		p.fault(described[p.n.form], p.want())
		return "", false
	}
	e, ok := p.expand(p.n.text)
	if !ok || e.text == "" && e.optional {
		return "", false
	}
	return e.text, true
}

// want says what would do at this place.
func (p place) want() string {
	if len(p.b.choices) > 0 {
		return "one of " + strings.Join(p.b.choices, ", ")
	}
	if p.b.shape == shapeMap || p.b.shape == shapeMaps || p.b.shape == shapeTexts || p.b.shape == shapeSecrets {
		return shapes[shapeText].want
	}
	return shapes[p.b.shape].want
}

// text reads free text, and the default when nothing is given. Numbers and true or false have to be quoted, since whoever
// writes 1.10 as a name does not mean 1.1.
func (p place) text() string {
	if p.n != nil && (p.n.form == formNumber || p.n.form == formBool) {
		p.fault(described[p.n.form]+", not text", "put it in quotes")
		return ""
	}
	text, ok := p.scalar()
	if !ok {
		if p.b.shape != shapeText {
			return ""
		}
		return p.b.def
	}
	if text == "" {
		p.fault("is empty", "")
	}
	return text
}

// choice reads one of the row's choices and gives its index; that of the default when nothing is given.
func (p place) choice() int {
	fallback := max(slices.Index(p.b.choices, p.b.def), 0)
	text, ok := p.scalar()
	if !ok {
		return fallback
	}
	if i := slices.Index(p.b.choices, text); i >= 0 {
		return i
	}
	p.fault(p.shown()+" is not a "+p.b.noun(), p.want())
	return fallback
}

// noun is what a choice is called in a fault.
func (b *branch) noun() string {
	switch b.path {
	case "auth":
		return "mode of authentication"
	case "providers[].http":
		return "protocol"
	case "log.format":
		return "log format"
	case "log.level":
		return "log level"
	}
	return b.name
}

func (p place) boolean() bool {
	fallback := p.b.def == "true"
	text, ok := p.scalar()
	if !ok {
		return fallback
	}
	switch text {
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	}
	p.fault(p.shown()+" is neither true nor false", "")
	return fallback
}

func (p place) integer() int   { return ranged(p, parseCount, "a whole number") }
func (p place) ratio() float64 { return ranged(p, parseRatio, "a number") }
func (p place) size() int64    { return ranged(p, parseSize, "a size") }

func (p place) duration() time.Duration { return ranged(p, parseDuration, "a time") }

// durationOr is duration with a default that the table cannot know.
func (p place) durationOr(fallback time.Duration) time.Duration {
	return rangedOr(p, parseDuration, "a time", fallback)
}

// ranged reads a value that has an order, checks it against the row's range, and gives the row's default when nothing sound
// is there.
func ranged[T cmp.Ordered](p place, parse func(string) (T, bool), what string) T {
	fallback, _ := parse(p.b.def)
	return rangedOr(p, parse, what, fallback)
}

func rangedOr[T cmp.Ordered](p place, parse func(string) (T, bool), what string, fallback T) T {
	text, ok := p.scalar()
	if !ok {
		return fallback
	}
	value, ok := parse(text)
	if !ok {
		p.fault(p.shown()+" is not "+what, shapes[p.b.shape].example)
		return fallback
	}
	low, bounded := parse(p.b.low)
	high, _ := parse(p.b.high)
	if bounded && (value < low || value > high) {
		p.fault(p.shown()+" is out of range", "from "+p.b.low+" to "+p.b.high)
		return fallback
	}
	return value
}

func parseCount(text string) (int, bool) {
	if strings.HasPrefix(text, "+") {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

func parseRatio(text string) (float64, bool) {
	if strings.ContainsAny(text, "xX_+") {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// units of sizes, the binary ones first and the largest first, as Print prefers them.
var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"TB", 1e12},
	{"GB", 1e9},
	{"MB", 1e6},
	{"KB", 1e3},
	{"kB", 1e3},
	{"B", 1},
}

func parseSize(text string) (int64, bool) {
	scale := int64(1)
	for _, u := range units {
		if digits, ok := strings.CutSuffix(text, u.name); ok {
			text, scale = digits, u.bytes
			break
		}
	}
	if text == "" || text[0] < '0' || text[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > math.MaxInt64/scale {
		return 0, false
	}
	return n * scale, true
}

func sizeText(n int64) string {
	for _, u := range units[:4] {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

func parseDuration(text string) (time.Duration, bool) {
	if strings.HasPrefix(text, "+") {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// durationText writes a time without the zeros that time.Duration appends: 10m, not 10m0s.
func durationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}

func ratioText(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
