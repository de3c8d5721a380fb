//go:build !race

package gateway_test

const everyCut = 1

// usualSeeds is how many schedules run where nobody asks for more.
const usualSeeds = 10000
