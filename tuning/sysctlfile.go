package tuning

import "strings"

// SysctlFileName is the name of the profile's file in /etc/sysctl.d. 90 lets it come after the distribution's own files.
func SysctlFileName(p *Profile) string {
	return "90-penstock-" + p.Name + ".conf"
}

// AppendSysctlFile appends the profile as a file for /etc/sysctl.d: one setting per line, each below its reason.
func AppendSysctlFile(dst []byte, p *Profile) []byte {
	return appendSysctlFile(dst, p, func(*Setting) (string, bool) { return "", false })
}

// appendSysctlFile leaves out, with a remark, what better answers for: a host's own value that does and must not be lowered.
func appendSysctlFile(dst []byte, p *Profile, better func(*Setting) (read string, ok bool)) []byte {
	dst = append(dst, "# Penstock, profile "+p.Name+": "+p.About+".\n"...)
	dst = append(dst, "# Written by `penstock tune apply --profile "+p.Name+"`; explained in docs/tuning.md.\n"...)
	for i := range p.Sysctls {
		s := &p.Sysctls[i]
		dst = append(dst, '\n')
		dst = appendComment(dst, s.Why)
		dst = appendComment(dst, "Cost: "+s.Cost)
		if read, ok := better(s); ok {
			dst = append(dst, "# "+s.Name+" is left alone: "+read+" does (wanted: "+s.Wanted()+").\n"...)
			continue
		}
		dst = append(dst, s.Line()+"\n"...)
	}
	return dst
}

func appendComment(dst []byte, text string) []byte {
	for _, line := range wrap(text, textWidth) {
		dst = append(dst, "# "+line+"\n"...)
	}
	return dst
}

// betterHere answers for this host: a value that meets the wish without being the one that the file would set.
func betterHere(h Host) func(*Setting) (string, bool) {
	files := h.FS()
	return func(s *Setting) (string, bool) {
		text, err := readText(files, s.File())
		if err != nil || words(text) == s.value() {
			return "", false
		}
		meets, ok := s.meets(text)
		return words(text), meets && ok
	}
}

// wrap breaks a sentence into lines of at most width bytes where words allow it.
func wrap(text string, width int) []string {
	var lines []string
	var line strings.Builder
	for word := range strings.FieldsSeq(text) {
		if line.Len() > 0 && line.Len()+1+len(word) > width {
			lines = append(lines, line.String())
			line.Reset()
		}
		if line.Len() > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(word)
	}
	if line.Len() > 0 {
		lines = append(lines, line.String())
	}
	return lines
}
