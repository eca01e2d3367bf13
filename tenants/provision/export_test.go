package provision

// OnStep calls f when the work reaches a step, so that a test can cut it off there.
func (s *Service) OnStep(f func(step string)) { s.reached = f }

// Reserved are the slugs that nobody gets.
func Reserved() []string { return reserved }
