package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/x/mongo/driver"
)

// runLogins tells what came of each URL of the file, all tried at the same time.
func runLogins(path string) {
	text, err := os.ReadFile(path)
	must(err)
	var all sync.WaitGroup
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		all.Add(1)
		go func(name, url string) {
			defer all.Done()
			fmt.Println("login", name, strings.Join(strings.Fields(described(login(url))), " "))
		}(strings.Split(line, "\t")[0], strings.Split(line, "\t")[1])
	}
	all.Wait()
}

func login(url string) error {
	c, err := mongo.Connect(always, options.Client().ApplyURI(url))
	if err != nil {
		return err
	}
	defer c.Disconnect(context.Background())
	if err := c.Ping(always, nil); err != nil {
		return err
	}
	reply, err := call(c.Database("demo"), "add", bson.A{2, 3})
	if err == nil && reply["reply"] != int32(5) {
		err = fmt.Errorf("it was answered %v", reply)
	}
	return err
}

func described(err error) string {
	var command mongo.CommandError
	var inner driver.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &command):
		return fmt.Sprintf("code %d: %v", command.Code, err)
	case errors.As(err, &inner):
		return fmt.Sprintf("code %d: %v", inner.Code, err)
	}
	return fmt.Sprintf("error: %v", err)
}
