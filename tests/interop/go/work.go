package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hibiken/asynq"
)

// queueGroup is served by an asynq server of its own, as in the SDK. Queues have full names.
type queueGroup struct {
	Concurrency int            `json:"concurrency"`
	Queues      map[string]int `json:"queues"`
}

// attempt is the line about one attempt, written when it begins.
type attempt struct {
	Event    string `json:"event"`
	TaskID   string `json:"task_id"`
	AsynqID  string `json:"asynq_id"`
	Queue    string `json:"queue"`
	Type     string `json:"type"`
	Payload  string `json:"payload"`
	Retried  int    `json:"retried"`
	MaxRetry int    `json:"max_retry"`
	Timeout  int    `json:"timeout"` // seconds that it may take
}

type worker struct {
	then    string
	release chan struct{} // closed when those that wait may go on
}

// work serves queue groups until SIGTERM. What becomes of a task stands in its payload, as
// {"then": "succeed"}, or in -then: succeed, fail, panic, skip (fail for good), or wait, until
// this program's input ends.
func work(redis asynq.RedisConnOpt, arguments []string) error {
	w := worker{release: make(chan struct{})}
	var groups string
	var delay time.Duration
	parse("work", arguments, func(flags *flag.FlagSet) {
		flags.StringVar(&groups, "groups", "[]", "queue groups, JSON")
		flags.StringVar(&w.then, "then", "succeed", "what becomes of a task that does not say so")
		flags.DurationVar(&delay, "retry-in", time.Hour, "when a failed task is tried again")
	})
	var served []queueGroup
	if err := json.Unmarshal([]byte(groups), &served); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	var servers []*asynq.Server
	for _, group := range served {
		server := asynq.NewServer(redis, asynq.Config{
			Concurrency:              group.Concurrency,
			Queues:                   group.Queues,
			RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return delay },
			TaskCheckInterval:        50 * time.Millisecond,
			DelayedTaskCheckInterval: 100 * time.Millisecond,
			LogLevel:                 asynq.ErrorLevel,
		})
		handlers := asynq.NewServeMux()
		for queue := range group.Queues {
			handlers.HandleFunc(queue, w.handle)
		}
		if err := server.Start(handlers); err != nil {
			return err
		}
		servers = append(servers, server)
	}
	say(map[string]string{"event": "ready"})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(w.release)
	}()
	<-stop
	for _, server := range servers {
		server.Shutdown()
	}
	say(map[string]string{"event": "stopped"})
	return nil
}

func (w *worker) handle(ctx context.Context, task *asynq.Task) error {
	line := attempt{Event: "attempt", Type: task.Type()}
	line.AsynqID, _ = asynq.GetTaskID(ctx)
	line.Queue, _ = asynq.GetQueueName(ctx)
	line.Retried, _ = asynq.GetRetryCount(ctx)
	line.MaxRetry, _ = asynq.GetMaxRetry(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		line.Timeout = int(math.Round(time.Until(deadline).Seconds()))
	}
	var message envelope
	if err := json.Unmarshal(task.Payload(), &message); err != nil || message.TaskID == "" {
		message = envelope{TaskID: line.AsynqID, Payload: task.Payload()}
	}
	line.TaskID = message.TaskID
	line.Payload = string(message.Payload)
	say(line)
	return w.end(ctx, message.Payload)
}

func (w *worker) end(ctx context.Context, payload []byte) error {
	var wish struct {
		Then  string `json:"then"`
		Error string `json:"error"`
	}
	_ = json.Unmarshal(payload, &wish) // a payload that is no object has no wish
	if wish.Then == "" {
		wish.Then = w.then
	}
	if wish.Error == "" {
		wish.Error = "told to fail"
	}
	switch wish.Then {
	case "fail":
		return errors.New(wish.Error)
	case "panic":
		panic(wish.Error)
	case "skip":
		return errors.Join(errors.New(wish.Error), asynq.SkipRetry)
	case "wait":
		select {
		case <-w.release:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
