package sim

import "strconv"

// words is what the simulated model says, over and over. It has characters of one to four bytes, so that whoever cuts a
// stream in the wrong place is found out, and none that JSON would have to escape.
var words = [...]string{
	" This", " is", " the", " simulated", " provider", " of", " Penstock", ".", " It", " counts", " its", " own", " tokens", ",",
	" answers", " at", " the", " pace", " that", " it", " is", " told", ",", " and", " sends", " no", " bill", ".", " Grüße", " aus",
	" Nairobi", " 🌍", ".", " A", " long", " answer", " says", " all", " of", " this", " more", " than", " once", ",", " since",
	" nobody", " reads", " it", " for", " the", " plot", ":", " 二", " times", ",", " ten", " times", ",", " as", " often", " as",
	" wanted", " –", " always",
}

// wordsText is all words in a row; wordEnds[i] is where word i ends in it.
var wordsText, wordEnds = func() (text string, ends [len(words)]int) {
	for i, w := range words {
		text += w
		ends[i] = len(text)
	}
	return text, ends
}()

// appendToken appends token i of the canned text, filled up to size bytes, as the inside of a JSON string.
func appendToken(dst []byte, i, size int) []byte {
	w := words[i%len(words)]
	if i == 0 {
		w = w[1:]
	}
	dst = append(dst, w...)
	for n := len(w); n < size; n++ {
		dst = append(dst, '.')
	}
	return dst
}

// appendWords appends the first n tokens.
func appendWords(dst []byte, n, size int) []byte {
	if size > 0 {
		for i := range n {
			dst = appendToken(dst, i, size)
		}
		return dst
	}
	skip := 1 // the space before the first word
	for ; n > len(words); n -= len(words) {
		dst = append(dst, wordsText[skip:]...)
		skip = 0
	}
	if n > 0 {
		dst = append(dst, wordsText[skip:wordEnds[n-1]]...)
	}
	return dst
}

// nextPiece returns the end of the piece of text that starts at from: about a token, never within a character or an
// escape. text is the inside of a JSON string.
func nextPiece(text []byte, from int) int {
	i := from
	for i < len(text) && i-from < 4 {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && text[i+1] == 'u':
			i += 6
		case c == '\\':
			i += 2
		default:
			for i++; i < len(text) && text[i]&0xc0 == 0x80; {
				i++
			}
		}
	}
	return min(i, len(text))
}

func pieces(text []byte) int {
	n := 0
	for i := 0; i < len(text); i = nextPiece(text, i) {
		n++
	}
	return n
}

// mix is the finalizer of splitmix64 over the golden ratio's sequence: one well mixed word for each state.
func mix(n uint64) uint64 {
	n *= 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// idLetters are 64, so that a letter is six bits; two come twice.
const idLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzxy"

// appendID appends an identifier of the vendors' kind: a prefix and 20 letters and digits that follow from n.
func appendID(dst []byte, prefix string, n uint64) []byte {
	dst = append(dst, prefix...)
	var id [20]byte
	high, low := mix(n), mix(n^0xa5a5)
	for i := range 10 {
		id[i], id[i+10] = idLetters[high&63], idLetters[low&63]
		high, low = high>>6, low>>6
	}
	return append(dst, id[:]...)
}

func appendInt(dst []byte, n int) []byte { return strconv.AppendInt(dst, int64(n), 10) }
