package main

import (
	"bufio"
	"cmp"
	"fmt"
	"hash/fnv"
	"html"
	"io"
	"slices"
	"strings"
	"time"
)

// Sizes of the drawing in pixels, and what is too narrow to be seen.
const (
	width      = 1600.0
	rowHeight  = 17
	headHeight = 44
	footHeight = 26
	margin     = 8.0
	letter     = 6.6 // of the monospaced font at 11 px
	narrowest  = 0.3
)

// writeSVG draws the frames with the outermost function at the bottom. A click widens a frame to the whole width, a click on the
// bottom row goes back; the search box marks functions by a regular expression.
func writeSVG(out io.Writer, root *frame, unit string) error {
	w := bufio.NewWriter(out)
	depth := depthOf(root, (width-2*margin)/float64(root.value))
	height := headHeight + depth*rowHeight + footHeight
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" width="%.0f" height="%d" font-family="monospace" font-size="11">`+"\n",
		width, height, width, height)
	fmt.Fprintf(w, `<rect width="100%%" height="100%%" fill="#fdfcf7"/><text x="%.0f" y="26" font-size="15">Penstock: %s in all</text>`+"\n", margin,
		html.EscapeString(amount(root.value, unit)))
	fmt.Fprintf(w, `<text id="search" x="%.0f" y="26" text-anchor="end" fill="#555" cursor="pointer">search</text>`+"\n", width-margin)
	fmt.Fprintf(w, `<text id="said" x="%.0f" y="%d"> </text><g id="frames">`+"\n", margin, height-9)
	d := drawing{w: w, unit: unit, total: root.value, height: height}
	d.frame(root, margin, width-2*margin, 0)
	fmt.Fprintf(w, "</g>\n<script><![CDATA[%s]]></script>\n</svg>\n", script)
	return w.Flush()
}

func depthOf(f *frame, scale float64) int {
	deepest := 0
	for _, c := range f.children {
		if float64(c.value)*scale >= narrowest {
			deepest = max(deepest, depthOf(c, scale))
		}
	}
	return deepest + 1
}

type drawing struct {
	w      *bufio.Writer
	unit   string
	total  int64
	height int
}

func (d *drawing) frame(f *frame, x, wide float64, level int) {
	y := d.height - footHeight - (level+1)*rowHeight
	name := html.EscapeString(f.name)
	fmt.Fprintf(d.w, `<g><title>%s: %s, %.2f %%</title><rect x="%.2f" y="%d" width="%.2f" height="%d" rx="1" fill="%s"/>`, name,
		html.EscapeString(amount(f.value, d.unit)), 100*float64(f.value)/float64(d.total), x, y, wide, rowHeight-1, colour(f.name))
	fmt.Fprintf(d.w, `<text x="%.2f" y="%d">%s</text></g>`+"\n", x+3, y+12, html.EscapeString(cut(f.name, wide)))
	children := make([]*frame, 0, len(f.children))
	for _, c := range f.children {
		children = append(children, c)
	}
	slices.SortFunc(children, func(a, b *frame) int { return cmp.Compare(a.name, b.name) })
	for _, c := range children {
		part := wide * float64(c.value) / float64(max(f.value, 1))
		if part >= narrowest {
			d.frame(c, x, part, level+1)
		}
		x += part
	}
}

// cut shortens a name to what fits.
func cut(name string, wide float64) string {
	fits := int((wide - 6) / letter)
	if fits >= len(name) {
		return name
	}
	if fits < 3 {
		return ""
	}
	return name[:fits-2] + ".."
}

// colour is the same for a package wherever it stands: ours in warm colours, runtime and system calls in grey, others in blue.
func colour(name string) string {
	pack, _, _ := strings.Cut(name, ".")
	h := fnv.New32a()
	_, _ = io.WriteString(h, pack)
	shade := int(h.Sum32() % 40)
	switch pack {
	case "runtime", "syscall", "unix", "internal", "bytealg":
		return fmt.Sprintf("hsl(30,6%%,%d%%)", 72+shade/4)
	case "main", "loop", "http1", "h1", "h2", "stream", "upstream", "pool", "gateway", "auth", "route", "dialect", "observe":
		return fmt.Sprintf("hsl(%d,85%%,68%%)", 8+shade)
	}
	return fmt.Sprintf("hsl(%d,45%%,76%%)", 180+shade)
}

func amount(value int64, unit string) string {
	if unit == "nanoseconds" {
		return time.Duration(value).Round(100 * time.Microsecond).String()
	}
	return fmt.Sprint(value, " ", unit)
}

const script = `
const groups = [...document.querySelectorAll("#frames > g")], said = document.getElementById("said");
const LEFT = 8, FULL = 1584, LETTER = 6.6;
const frames = groups.map(g => {
  const r = g.querySelector("rect"), t = g.querySelector("text"), title = g.querySelector("title").textContent;
  return {g, r, t, title, name: title.slice(0, title.lastIndexOf(": ")), x: +r.getAttribute("x"), w: +r.getAttribute("width"), y: +r.getAttribute("y"), fill: r.getAttribute("fill")};
});
function zoom(to) {
  for (const f of frames) {
    const inside = f.x >= to.x - 0.01 && f.x + f.w <= to.x + to.w + 0.01, below = f.y >= to.y && f.x <= to.x + 0.01 && f.x + f.w >= to.x + to.w - 0.01;
    f.g.style.display = inside || below ? "" : "none";
    const x = below ? LEFT : LEFT + (f.x - to.x) / to.w * FULL, w = below ? FULL : f.w / to.w * FULL;
    f.r.setAttribute("x", x); f.r.setAttribute("width", w); f.t.setAttribute("x", x + 3);
    const fits = Math.floor((w - 6) / LETTER);
    f.t.textContent = fits >= f.name.length ? f.name : fits < 3 ? "" : f.name.slice(0, fits - 2) + "..";
  }
}
for (const f of frames) {
  f.g.addEventListener("mouseover", () => { said.textContent = f.title; });
  f.g.addEventListener("click", () => zoom(f));
}
document.getElementById("search").addEventListener("click", () => {
  const text = prompt("functions that match", "");
  if (text === null) return;
  const wanted = text && new RegExp(text);
  for (const f of frames) f.r.setAttribute("fill", wanted && wanted.test(f.name) ? "#c060e0" : f.fill);
});
`
