package config

import (
	"errors"
	"strconv"
	"strings"
)

// ambient is a provider that exists as soon as its key is in the environment.
type ambient struct {
	name     string
	kind     Kind
	variable string // NAME of NAME_API_KEY and NAME_BASE_URL
	base     string // "" = the kind's
	serves   []string
}

// ambients lists the vendors' own names for their variables, their addresses, and the unqualified model names that are
// clearly theirs. Hosts of many vendors' models take only what is spelled their way; anything else is asked for by prefix.
var ambients = []ambient{
	{"openai", KindOpenAI, "OPENAI", "", []string{
		"gpt-*", "chatgpt-*", "o1", "o1-*", "o3", "o3-*", "o4-*", "codex-*", "computer-use-*", "text-embedding-3-*",
		"text-embedding-ada-*", "omni-moderation-*", "text-moderation-*", "dall-e-*", "whisper-*", "tts-*", "sora-*",
		"davinci-*", "babbage-*",
	}},
	{"anthropic", KindAnthropic, "ANTHROPIC", "", []string{"claude-*"}},
	{"gemini", KindGemini, "GEMINI", "", []string{"gemini-*", "gemma-*", "imagen-*", "veo-*"}},
	{"mistral", KindOpenAI, "MISTRAL", "https://api.mistral.ai/v1", []string{
		"mistral-*", "ministral-*", "magistral-*", "codestral-*", "devstral-*", "pixtral-*", "voxtral-*", "open-mistral-*",
		"open-mixtral-*",
	}},
	{"groq", KindOpenAI, "GROQ", "https://api.groq.com/openai/v1", []string{"llama-*"}},
	{"deepseek", KindOpenAI, "DEEPSEEK", "https://api.deepseek.com", []string{"deepseek-*"}},
	{"xai", KindOpenAI, "XAI", "https://api.x.ai/v1", []string{"grok-*"}},
	{"openrouter", KindOpenAI, "OPENROUTER", "https://openrouter.ai/api/v1", nil},
	{"together", KindOpenAI, "TOGETHER", "https://api.together.xyz/v1", []string{"meta-llama/*", "Qwen/*"}},
	{"fireworks", KindOpenAI, "FIREWORKS", "https://api.fireworks.ai/inference/v1", []string{"accounts/fireworks/*"}},
	{"cerebras", KindOpenAI, "CEREBRAS", "https://api.cerebras.ai/v1", []string{"llama3.1-*", "qwen-3-*", "zai-glm-*"}},
	{"perplexity", KindOpenAI, "PERPLEXITY", "https://api.perplexity.ai", []string{"sonar", "sonar-*"}},
	{"cohere", KindOpenAI, "COHERE", "https://api.cohere.ai/compatibility/v1", []string{"command-*", "c4ai-*", "embed-*"}},
}

// sourceEnvironment is Snapshot.Source when there was no file.
const sourceEnvironment = "environment"

// FromEnvironment makes the configuration of a gateway that was given no file: a provider for every NAME_API_KEY that is set,
// at NAME_BASE_URL if that is set, and the simulated one, on loopback without keys. The error is always Faults, whose Key is
// the variable. A nil env is the process's own.
func FromEnvironment(env Environment) (*Snapshot, error) {
	env = orSystem(env)
	text, variables := ambientText(env)
	s, err := Parse(sourceEnvironment, []byte(text), env)
	var faults Faults
	if errors.As(err, &faults) {
		for i := range faults {
			if line := faults[i].Line; line > 0 && line <= len(variables) && variables[line-1] != "" {
				faults[i].Key = variables[line-1]
			}
			faults[i].Line = 0
		}
		return nil, faults
	}
	return s, err
}

// ambientText writes the configuration that the environment stands for, so that it goes through the same checks as a file's.
// The values stay in the environment: the text names variables only, which variables gives by line.
func ambientText(env Environment) (text string, variables []string) {
	var b strings.Builder
	line := func(variable, format string) {
		b.WriteString(format)
		b.WriteByte('\n')
		variables = append(variables, variable)
	}
	line("", "providers:")
	for _, a := range ambients {
		key, base := a.variable+"_API_KEY", a.variable+"_BASE_URL"
		if value, _ := env.Lookup(key); value == "" {
			continue
		}
		line("", "  - name: "+a.name)
		line("", "    kind: "+a.kind.String())
		line(key, "    keys: [\"${"+key+"}\"]")
		if value, _ := env.Lookup(base); value != "" {
			line(base, "    base_url: \"${"+base+"}\"")
		} else if a.base != "" {
			line("", "    base_url: "+a.base)
		}
		quoted := make([]string, len(a.serves))
		for i, pattern := range a.serves {
			quoted[i] = strconv.Quote(pattern)
		}
		line("", "    serves: ["+strings.Join(quoted, ", ")+"]")
	}
	line("", "  - name: sim")
	line("", "    kind: sim")
	return b.String(), variables
}
