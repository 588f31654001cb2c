// The other side of the wire, for tests: asynq's own client, server and inspector, used as
// Asynq-Hub and its SDK use them. What it has to say it writes as JSON, one object a line.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"

	"github.com/hibiken/asynq"
)

// envelope is the payload of a hub's task as the SDK's worker reads it.
type envelope struct {
	ID      string          `json:"id"`
	TaskID  string          `json:"task_id"`
	Payload json.RawMessage `json:"payload"`
}

var commands = map[string]func(asynq.RedisConnOpt, []string) error{
	"work":    work,
	"enqueue": enqueue,
	"pause":   pause,
	"queue":   showQueue,
	"servers": showServers,
}

func main() {
	if len(os.Args) < 3 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: interop work|enqueue|pause|queue|servers REDIS_URI [flags]")
		os.Exit(2)
	}
	redis, err := asynq.ParseRedisURI(os.Args[2])
	if err == nil {
		err = commands[os.Args[1]](redis, os.Args[3:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var output sync.Mutex

// say writes one line; handlers speak at the same time.
func say(value any) {
	output.Lock()
	defer output.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(value); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func parse(name string, arguments []string, define func(*flag.FlagSet)) {
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	define(flags)
	_ = flags.Parse(arguments) // it ends the program itself
}
