package config

import (
	"strings"
	"testing"
)

func TestFromEnvironment(t *testing.T) {
	s, err := FromEnvironment(fakeEnvironment{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "providers", len(s.Providers), 1)
	equal(t, "simulated", s.Provider("sim").Sim, true)
	equal(t, "auth", s.Auth, AuthNone)
	equal(t, "listen", s.Listen, []Listen{{Network: "tcp", Address: "127.0.0.1:8080"}})
	equal(t, "source", s.Source, "environment")
	equal(t, "files", len(s.Files()), 0)

	env := fakeEnvironment{variables: map[string]string{"OPENAI_BASE_URL": "http://proxy:1/v1/", "GROQ_API_KEY": ""}}
	for _, a := range ambients {
		if a.variable != "GROQ" {
			env.variables[a.variable+"_API_KEY"] = "hidden-" + a.name
		}
	}
	if s, err = FromEnvironment(env); err != nil {
		t.Fatal(err)
	}
	equal(t, "providers", len(s.Providers), len(ambients))
	equal(t, "without a key", s.Provider("groq"), nil)
	for _, c := range []struct {
		name, base string
		kind       Kind
	}{
		{"openai", "http://proxy:1/v1", KindOpenAI},
		{"anthropic", "https://api.anthropic.com", KindAnthropic},
		{"gemini", "https://generativelanguage.googleapis.com", KindGemini},
		{"mistral", "https://api.mistral.ai/v1", KindOpenAI},
		{"deepseek", "https://api.deepseek.com", KindOpenAI},
		{"xai", "https://api.x.ai/v1", KindOpenAI},
		{"openrouter", "https://openrouter.ai/api/v1", KindOpenAI},
		{"together", "https://api.together.xyz/v1", KindOpenAI},
		{"fireworks", "https://api.fireworks.ai/inference/v1", KindOpenAI},
		{"cerebras", "https://api.cerebras.ai/v1", KindOpenAI},
		{"perplexity", "https://api.perplexity.ai", KindOpenAI},
		{"cohere", "https://api.cohere.ai/compatibility/v1", KindOpenAI},
	} {
		p := s.Provider(c.name)
		equal(t, c.name, p.BaseURLs, []string{c.base})
		equal(t, c.name, p.Kind, c.kind)
		equal(t, c.name, p.Keys[0].Value.Reveal(), "hidden-"+c.name)
	}
	equal(t, "warnings", len(s.Warnings), 0)
	if printed := string(s.Print()); strings.Contains(printed, "hidden") || !strings.Contains(printed, `"${MISTRAL_API_KEY}"`) {
		t.Errorf("printed:\n%s", printed)
	}
	checkRoundTrip(t, s, env)
}

func TestFromEnvironmentFaults(t *testing.T) {
	_, err := FromEnvironment(fakeEnvironment{variables: map[string]string{
		"OPENAI_API_KEY": "hidden key", "ANTHROPIC_API_KEY": "hidden", "ANTHROPIC_BASE_URL": "ftp://hidden",
	}})
	equal(t, "faults", err.Error(), "environment: OPENAI_API_KEY: the value has a space or a character that is not ASCII\n"+
		"environment: ANTHROPIC_BASE_URL: \"${ANTHROPIC_BASE_URL}\" as expanded is neither http:// nor https://; such as https://api.example.com/v1")
}

// TestServesDoNotCollide keeps an unqualified name with one vendor.
func TestServesDoNotCollide(t *testing.T) {
	for i, a := range ambients {
		for _, b := range ambients[i+1:] {
			for _, x := range a.serves {
				for _, y := range b.serves {
					if overlap(x, y) {
						t.Errorf("%s serves %s, %s serves %s", a.name, x, b.name, y)
					}
				}
			}
		}
	}
}
