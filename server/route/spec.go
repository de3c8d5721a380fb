package route

// Strategy says which target of a model is the first choice, in the words of the configuration.
type Strategy string

// The strategies that exist. An empty Strategy is Ordered.
const (
	Ordered  Strategy = "ordered"  // always the first
	Weighted Strategy = "weighted" // each in proportion to its weight
)

// Target is one way to have a request answered.
type Target struct {
	Provider int    // index into Spec.Providers
	Model    string // what the provider is asked for; "" = as the client said
	Weight   int    // share under Weighted; 0 = 1

	// ModelJSON is the quoted JSON literal of Model, nil where the request's own literal can stay. NewTable sets it.
	ModelJSON []byte
	// ModelView is what the provider is asked for on a prefix route ("openai/gpt-5" asks openai for gpt-5): a view of the name
	// given to Resolve. It is nil otherwise; Model and ModelJSON are empty where it is set. AppendJSON writes its literal.
	ModelView []byte
}

// ProviderSpec is what routing knows of a provider.
type ProviderSpec struct {
	Name   string   // the prefix of "name/model"
	Serves []string // model names and patterns that go to it without a prefix
}

// ModelSpec is a model name that clients ask for.
type ModelSpec struct {
	Name     string
	Strategy Strategy
	Targets  []Target
	Fallback []Target // tried in order after the targets
}

// Spec is what a Table is made from.
type Spec struct {
	Providers []ProviderSpec
	Models    []ModelSpec
}
