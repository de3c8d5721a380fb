package stand

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Metrics are the samples of a Prometheus page, by name with labels as they stand there.
type Metrics map[string]float64

// Sum adds up the samples of a metric over all its labels.
func (m Metrics) Sum(name string) float64 {
	total := 0.0
	for key, value := range m {
		if base, _, _ := strings.Cut(key, "{"); base == name {
			total += value
		}
	}
	return total
}

// Has says whether the page has the metric at all.
func (m Metrics) Has(name string) bool {
	for key := range m {
		if base, _, _ := strings.Cut(key, "{"); base == name {
			return true
		}
	}
	return false
}

// readMetrics reads the text format of Prometheus; lines that it does not understand are left out.
func readMetrics(r io.Reader) (Metrics, error) {
	m := Metrics{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		// A label's value may hold blanks, the part behind the labels may not.
		at := strings.LastIndexByte(line, '}') + 1
		key, rest, found := strings.Cut(line[at:], " ")
		if !found {
			continue
		}
		number, _, _ := strings.Cut(rest, " ") // a timestamp may follow
		if value, err := strconv.ParseFloat(number, 64); err == nil {
			m[line[:at]+key] = value
		}
	}
	return m, lines.Err()
}

var admin = &http.Client{Timeout: adminTimeout, Transport: &http.Transport{DisableKeepAlives: true}}

func get(url string) (io.ReadCloser, error) {
	response, err := admin.Get(url)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("GET %s: status %d", url, response.StatusCode)
	}
	return response.Body, nil
}

// Metrics asks the gateway's admin port.
func (s *Stand) Metrics() (Metrics, error) {
	return ReadMetrics(s.AdminURL)
}

// ReadMetrics asks the admin port of any gateway, by its URL.
func ReadMetrics(adminURL string) (Metrics, error) {
	page, err := get(adminURL + "/metrics")
	if err != nil {
		return nil, err
	}
	defer page.Close()
	return readMetrics(page)
}

// Goroutines is how many goroutines the gateway has; a leak shows here before it shows in its memory.
func (s *Stand) Goroutines() (int, error) {
	page, err := get(s.AdminURL + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, err
	}
	defer page.Close()
	text, err := bufio.NewReader(page).ReadString('\n')
	if err != nil {
		return 0, err
	}
	return goroutinesOf(text)
}

// goroutinesOf reads "goroutine profile: total 42".
func goroutinesOf(line string) (int, error) {
	_, count, found := strings.Cut(line, "total ")
	if !found {
		return 0, fmt.Errorf("not a goroutine profile: %q", line)
	}
	return strconv.Atoi(strings.TrimSpace(count))
}

// ProviderStats are the simulated provider's counters, numbers alone.
func (s *Stand) ProviderStats() (map[string]float64, error) {
	page, err := get(s.ProviderURL + "/sim/stats")
	if err != nil {
		return nil, err
	}
	defer page.Close()
	var all map[string]any
	if err := json.NewDecoder(page).Decode(&all); err != nil {
		return nil, fmt.Errorf("the provider's counters: %w", err)
	}
	numbers := make(map[string]float64, len(all))
	for name, value := range all {
		if n, ok := value.(float64); ok {
			numbers[name] = n
		}
	}
	return numbers, nil
}
