package main

import (
	"encoding/json"
	"flag"
	"os"
	"time"

	"github.com/hibiken/asynq"
)

// posted is a task as business code posts it to the hub; durations are seconds.
type posted struct {
	Queue     string          `json:"queue"`
	TaskID    string          `json:"task_id"`
	Payload   json.RawMessage `json:"payload"`
	MaxRetry  int             `json:"max_retry"`
	Timeout   int             `json:"timeout"`
	Delay     int             `json:"delay"`
	Retention int             `json:"retention"`
	Group     string          `json:"group"`
}

// enqueue reads an array of tasks, enqueues each as the hub does, and says asynq's ids for them.
func enqueue(redis asynq.RedisConnOpt, _ []string) error {
	var tasks []posted
	if err := json.NewDecoder(os.Stdin).Decode(&tasks); err != nil {
		return err
	}
	client := asynq.NewClient(redis)
	defer client.Close()
	for _, task := range tasks {
		payload, err := json.Marshal(envelope{task.TaskID, task.TaskID, task.Payload})
		if err != nil {
			return err
		}
		options := []asynq.Option{
			asynq.Queue(task.Queue),
			asynq.MaxRetry(task.MaxRetry),
			asynq.Timeout(time.Duration(task.Timeout) * time.Second),
			asynq.Unique(24 * time.Hour),
		}
		if task.Delay > 0 {
			options = append(options, asynq.ProcessIn(time.Duration(task.Delay)*time.Second))
		}
		if task.Retention > 0 {
			retention := time.Duration(task.Retention) * time.Second
			options = append(options, asynq.Retention(retention))
		}
		if task.Group != "" {
			options = append(options, asynq.Group(task.Group))
		}
		info, err := client.Enqueue(asynq.NewTask(task.Queue, payload), options...)
		if err != nil {
			return err
		}
		say(map[string]string{"task_id": task.TaskID, "asynq_id": info.ID})
	}
	return nil
}

func pause(redis asynq.RedisConnOpt, arguments []string) error {
	var queue string
	parse("pause", arguments, func(flags *flag.FlagSet) {
		flags.StringVar(&queue, "queue", "", "the queue's full name")
	})
	inspector := asynq.NewInspector(redis)
	defer inspector.Close()
	return inspector.PauseQueue(queue)
}
