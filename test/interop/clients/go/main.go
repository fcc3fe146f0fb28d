// The Go driver as a client of `oocrpcd demo`, for interop_test.py, which says how they talk.
// With -hang it makes one call that does not end, to be killed in. With OOCRPC_LOGINS it tries
// those logins instead, for login_test.py.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

const forever = 600000 // milliseconds

type testCase struct {
	name string
	run  func()
}

var (
	url      = os.Getenv("OOCRPC_URL")
	observer = connect(options.Client())
	demo     = observer.Database("demo")
	always   = context.Background()
)

// check ends the case as failed.
func check(good bool, format string, arguments ...interface{}) {
	if !good {
		panic(fmt.Sprintf(format, arguments...))
	}
}

func must(err error) {
	check(err == nil, "%v", err)
}

// equal compares what the two look like, types of numbers apart.
func equal(got, expected interface{}) {
	a, b := fmt.Sprint(got), fmt.Sprint(expected)
	check(a == b, "got %.300s, expected %.300s", a, b)
}

// until asks again until that holds.
func until(holds func() bool) {
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		check(time.Now().Before(end), "this did not happen in time")
	}
}

func connect(o *options.ClientOptions) *mongo.Client {
	c, err := mongo.Connect(context.Background(),
		options.MergeClientOptions(options.Client().ApplyURI(url), o))
	must(err)
	return c
}

func closed(c *mongo.Client) {
	must(c.Disconnect(always))
}

// call gives the reply of a command on that database.
func call(db *mongo.Database, key string, value interface{}, more ...bson.E) (bson.M, error) {
	var reply bson.M
	err := db.RunCommand(always, append(bson.D{{Key: key, Value: value}}, more...)).Decode(&reply)
	return reply, err
}

// answer is what the method of the demo returns.
func answer(key string, value interface{}, more ...bson.E) interface{} {
	reply, err := call(demo, key, value, more...)
	must(err)
	equal(reply["ok"], 1)
	return reply["reply"]
}

// fails requires the error of a command with that code, and its text unless that is empty.
func fails(err error, code int32, text string) mongo.CommandError {
	e, ok := err.(mongo.CommandError)
	check(ok && e.Code == code && e.Name != "", "expected code %d, got %#v", code, err)
	check(text == "" || e.Message == text, "got the text %s", e.Message)
	return e
}

func figure(name string) int64 {
	return answer("stats", 1).(bson.M)[name].(int64)
}

func run(c testCase) (ok bool) {
	defer func() {
		if why := recover(); why != nil {
			fmt.Printf("not ok %s: %s\n", c.name, strings.Join(strings.Fields(fmt.Sprint(why)), " "))
			ok = false
		}
	}()
	c.run()
	fmt.Println("ok", c.name)
	return true
}

// wanted tells whether OOCRPC_CASES, names with commas between, has the name or is not set.
func wanted(name string) bool {
	names := os.Getenv("OOCRPC_CASES")
	return names == "" || strings.Contains(","+names+",", ","+name+",")
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-hang" {
		answer("sleep_ms", bson.A{forever})
	}
	if logins := os.Getenv("OOCRPC_LOGINS"); logins != "" {
		runLogins(logins)
		return
	}
	must(observer.Ping(always, nil)) // ends the program where there is no server
	failed := 0
	for _, c := range append(append(callCases, cursorCases...), connectionCases...) {
		if wanted(c.name) && !run(c) {
			failed = 1
		}
	}
	os.Exit(failed)
}
