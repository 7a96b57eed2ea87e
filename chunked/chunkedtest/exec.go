package chunkedtest

import (
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Exec starts cmd, whose Stdin and Stdout have to be nil, and begins a
// conversation with it. On Linux its stdout is as small a pipe as there is, so
// that a command that writes too early gets stuck. Each step may take timeout;
// 0 means DefaultTimeout; then the command is killed. Close waits for the
// command and returns an *exec.ExitError if its status is not 0.
func Exec(cmd *exec.Cmd, timeout time.Duration) (*Conversation, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("chunkedtest: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("chunkedtest: %w", err)
	}
	shrinkPipe(w)
	cmd.Stdout = w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("chunkedtest: %w", err)
	}
	return newConversation(&started{newDialed(stdin, r, timeout), cmd, r}), nil
}

// started is a dialed program.
type started struct {
	*dialed
	cmd *exec.Cmd
	r   *os.File
}

func (s *started) close() ([]byte, error) {
	defer s.r.Close()
	extra, err := s.dialed.close()
	if err != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		return extra, err
	}
	_, err = s.within("ending after stdout was closed", func() ([]byte, error) { return nil, s.cmd.Wait() })
	if s.stuck != nil {
		_ = s.cmd.Process.Kill() // Wait has been called and returns then
	}
	return extra, err
}
