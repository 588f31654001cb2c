package main

import (
	"flag"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
)

const all = 1_000_000

// showQueue says what asynq's inspector answers about a queue, and then each of its tasks.
func showQueue(redis asynq.RedisConnOpt, arguments []string) error {
	var queue string
	parse("queue", arguments, func(flags *flag.FlagSet) {
		flags.StringVar(&queue, "queue", "", "the queue's full name")
	})
	inspector := asynq.NewInspector(redis)
	defer inspector.Close()
	info, err := inspector.GetQueueInfo(queue)
	if err != nil {
		return err
	}
	say(map[string]any{
		"pending": info.Pending, "active": info.Active, "scheduled": info.Scheduled,
		"retry": info.Retry, "archived": info.Archived, "completed": info.Completed,
		"aggregating": info.Aggregating, "paused": info.Paused,
		"processed": info.Processed, "failed": info.Failed,
	})
	type list func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error)
	for _, tasks := range []list{
		inspector.ListActiveTasks, inspector.ListPendingTasks, inspector.ListRetryTasks,
		inspector.ListScheduledTasks, inspector.ListArchivedTasks, inspector.ListCompletedTasks,
	} {
		found, err := tasks(queue, asynq.PageSize(all))
		if err != nil {
			return err
		}
		for _, task := range found {
			sayTask(task)
		}
	}
	groups, err := inspector.Groups(queue)
	if err != nil {
		return err
	}
	for _, group := range groups {
		found, err := inspector.ListAggregatingTasks(queue, group.Group, asynq.PageSize(all))
		if err != nil {
			return err
		}
		for _, task := range found {
			sayTask(task)
		}
	}
	return nil
}

func sayTask(task *asynq.TaskInfo) {
	say(map[string]any{
		"asynq_id": task.ID, "queue": task.Queue, "state": task.State.String(),
		"retried": task.Retried, "max_retry": task.MaxRetry,
		"timeout": task.Timeout.Seconds(), "last_error": task.LastErr,
		"last_failed_at": unix(task.LastFailedAt), "next_at": unix(task.NextProcessAt),
	})
}

// showServers waits until so many live servers work on so many tasks, and says each server.
func showServers(redis asynq.RedisConnOpt, arguments []string) error {
	var count, executions int
	parse("servers", arguments, func(flags *flag.FlagSet) {
		flags.IntVar(&count, "count", 0, "how many servers to wait for")
		flags.IntVar(&executions, "executions", 0, "how many tasks in work to wait for")
	})
	inspector := asynq.NewInspector(redis)
	defer inspector.Close()
	deadline := time.Now().Add(30 * time.Second) // servers write what they do every 5 seconds
	for time.Now().Before(deadline) {
		servers, err := inspector.Servers()
		if err != nil {
			return err
		}
		busy := 0
		for _, server := range servers {
			busy += len(server.ActiveWorkers)
		}
		if len(servers) == count && busy == executions {
			for _, server := range servers {
				sayServer(server)
			}
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("no %d servers with %d tasks in work", count, executions)
}

func sayServer(server *asynq.ServerInfo) {
	executions := []map[string]any{}
	for _, worker := range server.ActiveWorkers {
		executions = append(executions, map[string]any{
			"asynq_id": worker.TaskID, "queue": worker.Queue,
			"started_at": unix(worker.Started), "deadline": unix(worker.Deadline),
		})
	}
	say(map[string]any{
		"server_id": server.ID, "host": server.Host, "pid": server.PID,
		"concurrency": server.Concurrency, "queues": server.Queues, "status": server.Status,
		"started_at": unix(server.Started), "executions": executions,
	})
}

// unix returns whole seconds, or nil for a time that is not.
func unix(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.Unix()
}
