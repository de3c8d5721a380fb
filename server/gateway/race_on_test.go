//go:build race

package gateway_test

const everyCut = 8

// usualSeeds is how many schedules run where nobody asks for more. A world has one thread, so the race detector finds little in it
// and makes it ten times as dear.
const usualSeeds = 300
