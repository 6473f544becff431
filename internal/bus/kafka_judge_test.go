//go:build judges

package bus_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/paraph/paraph/internal/bus/bustest"
	"github.com/paraph/paraph/internal/testneed"
)

// TestKafka holds Kafka to the promises of a bus, with a real broker.
func TestKafka(t *testing.T) {
	lib := filepath.Join(testneed.Root(t), ".cache", "judges", "kafka", "lib")
	if _, err := os.Stat(lib); err != nil {
		testneed.Missing(t, "the broker's jars are not there; make judges fetches them")
	}
	bustest.Run(t, bustest.NewKafka(t, lib))
}
