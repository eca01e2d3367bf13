package identity

// What the tests look at.
var (
	TokensOf  = tokensOf
	DummyHash = dummyHash
)
