//go:build !race

package gateway_test

const everyCut = 1
