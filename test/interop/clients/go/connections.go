package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"
)

var connectionCases = []testCase{
	{"connect_and_close", func() {
		until(func() bool { return figure("in_flight") == 1 })
		before := figure("connections")
		c := connect(options.Client())
		must(c.Ping(always, nil))
		check(figure("connections") > before, "no connection more")
		closed(c)
		until(func() bool { return figure("connections") <= before })
	}},
	{"compression", func() {
		text := strings.Repeat("压缩", 20000)
		for _, name := range []string{"zlib", "snappy", "zstd"} {
			hello, err := call(observer.Database("admin"), "hello", 1,
				bson.E{"compression", bson.A{name}})
			must(err)
			equal(hello["compression"], bson.A{name})
			c := connect(options.Client().SetCompressors([]string{name}))
			reply, err := call(c.Database("demo"), "echo", bson.A{text})
			must(err)
			check(reply["reply"] == text, "%s: another text", name)
			closed(c)
		}
	}},
	{"reconnect_after_restart", func() {
		equal(answer("add", bson.A{2, 3}), 5)
		fmt.Println("RESTART")
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		must(err)
		equal(line, "READY\n")
		until(func() bool {
			_, err := call(demo, "add", bson.A{2, 3})
			return err == nil
		})
	}},
}

// killHanging kills a process of this program in the middle of a call.
func killHanging() {
	child := exec.Command(os.Args[0], "-hang")
	must(child.Start())
	until(func() bool { return figure("in_flight") == 2 })
	must(child.Process.Kill())
	child.Wait()
}
