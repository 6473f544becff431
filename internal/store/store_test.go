package store_test

import (
	"testing"

	"github.com/paraph/paraph/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, storetest.Run)
}

func TestProposing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, storetest.RunProposing)
}
