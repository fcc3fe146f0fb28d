package main

import (
	"context"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/event"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"
)

var cursorCases = []testCase{
	{"find_one", func() {
		equal(one("add", bson.D{{"a", 2}, {"b", 3}}), bson.M{"reply": 5})
		equal(one("echo", bson.D{{"value", bson.D{{"x", 1}}}}), bson.M{"x": 1})
		equal(one("count", bson.D{{"n", 1000000}}), bson.M{"reply": 0})
		err := demo.Collection("add").FindOne(always, bson.D{{"a", "x"}, {"b", 3}}).Err()
		fails(err, 9, "a: expected int or double, got string")
		until(func() bool { return figure("in_flight") == 1 })
	}},
	{"find_batches", func() {
		getMores := 0
		monitor := &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
			if e.CommandName == "getMore" {
				getMores++
			}
		}}
		c := connect(options.Client().SetMonitor(monitor))
		db := c.Database("demo")
		counts(0, 10)(db.Collection("count").Find(always, bson.D{{"n", 10}}, options.Find().SetBatchSize(3)))
		check(getMores >= 3, "%d getMore", getMores)
		counts(0, 1000)(db.Collection("count").Find(always, bson.D{{"n", 1000}}))
		counts(0, 5)(db.Collection("count_slow").Find(always, bson.D{{"n", 5}, {"ms", 30}}))
		closed(c)
	}},
	{"find_limit", func() {
		count, n := demo.Collection("count"), bson.D{{"n", 1000}}
		counts(0, 5)(count.Find(always, n, options.Find().SetLimit(5)))
		counts(0, 5)(count.Find(always, n, options.Find().SetLimit(5).SetBatchSize(2)))
		counts(3, 5)(count.Find(always, n, options.Find().SetLimit(2).SetSkip(3)))
		counts(0, 4)(count.Find(always, n, options.Find().SetLimit(-4)))
		until(func() bool { return figure("in_flight") == 1 })
	}},
	{"early_cursor_close", func() {
		before := figure("cancelled")
		cursor, err := demo.Collection("count").Find(always, bson.D{{"n", 1000000000}},
			options.Find().SetBatchSize(2))
		must(err)
		for i := 0; i < 3; i++ {
			check(cursor.Next(always), "no item %d: %v", i, cursor.Err())
		}
		check(cursor.ID() != 0, "it is closed already")
		must(cursor.Close(always))
		until(func() bool { return figure("cancelled") == before+1 && figure("in_flight") == 1 })
	}},
	{"aggregate_match", func() {
		counts(5, 6)(demo.Collection("add").Aggregate(always,
			bson.A{bson.D{{"$match", bson.D{{"a", 2}, {"b", 3}}}}}))
		counts(0, 300)(demo.Collection("count").Aggregate(always,
			bson.A{bson.D{{"$match", bson.D{{"n", 300}}}}}))
	}},
	{"aggregate_other_stage_refused", func() {
		_, err := demo.Collection("add").Aggregate(always, bson.A{bson.D{{"$group", bson.D{}}}})
		check(err != nil && strings.Contains(err.Error(), "$group"), "%v", err)
	}},
	{"run_cursor_command", func() {
		counts(0, 250)(demo.RunCommandCursor(always, bson.D{{"count", bson.D{{"n", 250}}}}))
	}},
	{"insert_acknowledged", func() {
		before := figure("finished")
		_, err := demo.Collection("add").InsertOne(always, bson.D{{"a", 2}, {"b", 3}})
		must(err)
		_, err = demo.Collection("add").InsertMany(always, many(20))
		must(err)
		check(figure("finished") >= before+21, "not all were called")
	}},
	{"insert_unacknowledged", func() {
		c := connect(options.Client().SetMaxPoolSize(1))
		add := c.Database("demo").Collection("add",
			options.Collection().SetWriteConcern(writeconcern.New(writeconcern.W(0))))
		before := figure("finished")
		for i := 0; i < 20; i++ {
			_, err := add.InsertOne(always, bson.D{{"a", i}, {"b", 3}})
			check(err == nil || err == mongo.ErrUnacknowledgedWrite, "%v", err)
			_, err = add.InsertOne(always, bson.D{{"a", "wrong"}})
			check(err == nil || err == mongo.ErrUnacknowledgedWrite, "%v", err)
			reply, err := call(c.Database("demo"), "add", bson.A{1000, i})
			must(err)
			equal(reply["reply"], 1000+i)
		}
		until(func() bool { return figure("finished") >= before+40 })
		closed(c)
	}},
	{"write_errors", func() {
		documents := many(3)
		documents[1] = bson.D{{"a", "x"}, {"b", 2}}
		for _, ordered := range []bool{true, false} {
			before := figure("finished")
			_, err := demo.Collection("add").InsertMany(always, documents,
				options.InsertMany().SetOrdered(ordered))
			e, ok := err.(mongo.BulkWriteException)
			check(ok && len(e.WriteErrors) == 1, "%#v", err)
			equal([]int{e.WriteErrors[0].Index, e.WriteErrors[0].Code}, []int{1, 9})
			equal(e.WriteErrors[0].Message, "a: expected int or double, got string")
			check(ordered || figure("finished") >= before+2, "the third was not called")
		}
	}},
	{"old_rpc_mapping", func() {
		rpc := observer.Database("backend").Collection("rpc")
		for method, expected := range map[string]bson.M{
			"demo.add":  {"$result": 5},
			"demo.fail": {"$error": bson.M{"message": "没有", "detail": "诗"}},
		} {
			arguments := bson.A{2, 3}
			if method == "demo.fail" {
				arguments = bson.A{"没有", "诗"}
			}
			var got bson.M
			must(rpc.FindOne(always, bson.D{{"funcname", method},
				{"argstr", bson.A{arguments, bson.D{}}}}).Decode(&got))
			equal(got, expected)
		}
	}},
	{"list_databases_and_collections", func() {
		names, err := observer.ListDatabaseNames(always, bson.D{})
		must(err)
		check(strings.Contains(fmt.Sprint(names), "demo"), "%v", names)
		names, err = demo.ListCollectionNames(always, bson.D{})
		must(err)
		check(strings.Contains(fmt.Sprint(names), "count_slow"), "%v", names)
	}},
}

func one(method string, filter bson.D) bson.M {
	var got bson.M
	must(demo.Collection(method).FindOne(always, filter).Decode(&got))
	return got
}

func many(n int) []interface{} {
	documents := make([]interface{}, n)
	for i := range documents {
		documents[i] = bson.D{{"a", i}, {"b", 3}}
	}
	return documents
}

// counts requires {reply: begin} to {reply: end - 1} of a cursor.
func counts(begin, end int) func(*mongo.Cursor, error) {
	return func(cursor *mongo.Cursor, err error) {
		must(err)
		next := begin
		for ; cursor.Next(always); next++ {
			equal(cursor.Current.Lookup("reply").Int32(), next)
		}
		must(cursor.Err())
		must(cursor.Close(always))
		equal(next, end)
	}
}
