package failpoint

import (
	"errors"
	"syscall"
	"testing"
)

func TestArm(t *testing.T) {
	if err := Hit(BlobSync); err != nil {
		t.Fatalf("unarmed: %v", err)
	}
	disarm, err := Arm("blob.sync=ENOSPC@2*2; blob.named=EIO")
	if err != nil {
		t.Fatal(err)
	}
	for visit, want := range []error{nil, syscall.ENOSPC, syscall.ENOSPC, nil} {
		if err := Hit(BlobSync); !errors.Is(err, want) {
			t.Errorf("visit %d: %v, want %v", visit+1, err, want)
		}
	}
	if err := Hit(BlobNamed); !errors.Is(err, syscall.EIO) {
		t.Errorf("a rule without numbers: %v", err)
	}
	if Visits(BlobSync) != 4 || Hit(CommitAfter) != nil {
		t.Errorf("%d visits", Visits(BlobSync))
	}
	disarm()
	if err := Hit(BlobNamed); err != nil || armed.Load() {
		t.Errorf("after disarm: %v", err)
	}
}

func TestArmRefuses(t *testing.T) {
	for _, spec := range []string{"nowhere=kill", "blob.sync", "blob.sync=melt", "blob.sync=kill@0", "blob.sync=kill*x"} {
		if disarm, err := Arm(spec); err == nil {
			disarm()
			t.Errorf("%q was taken", spec)
		}
	}
}
