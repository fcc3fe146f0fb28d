package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/x/bsonx/bsoncore"
)

const big = 16000000 // bytes

var callCases = []testCase{
	{"call_positional", func() {
		equal(answer("add", bson.A{2, 3}), 5)
		equal(answer("add", bson.A{int64(1) << 40, 3}), int64(1)<<40+3)
		equal(answer("add", bson.A{2.5, 3}), 5.5)
	}},
	{"call_named_document", func() {
		equal(answer("add", bson.D{{"b", 3}, {"a", 2}}), 5)
	}},
	{"call_named_keys", func() {
		for _, value := range []interface{}{1, 1.0, true, nil} {
			equal(answer("add", value, bson.E{"a", 2}, bson.E{"b", 3}), 5)
		}
		equal(answer("add", 1, bson.E{"a", 2}, bson.E{"b", 3}, bson.E{"maxTimeMS", 60000}), 5)
	}},
	{"call_without_arguments", func() {
		equal(answer("noreply", 1), nil)
		equal(answer("whoami", 1).(bson.M)["protocol"], "mongodb")
	}},
	{"echo_every_type", echoEveryType},
	{"big_argument_and_reply", func() {
		data := bytes.Repeat([]byte("0123456789abcdef"), big/16)
		check(bytes.Equal(answer("echo", bson.A{data}).(primitive.Binary).Data, data), "another value")
		letters := answer("big", bson.A{big}).(string)
		check(letters == strings.Repeat("x", big), "%d letters", len(letters))
		_, err := call(demo, "big", bson.A{1<<24 + 1})
		fails(err, 10334, "")
		equal(answer("add", bson.A{2, 3}), 5)
	}},
	{"hundred_concurrent", func() {
		start := time.Now()
		var all sync.WaitGroup
		failed := make(chan interface{}, 100)
		for i := 0; i < 100; i++ {
			all.Add(1)
			go func(own int) {
				defer all.Done()
				defer func() { failed <- recover() }()
				equal(answer("sleep_ms", bson.A{1000}), 1000)
				for n := 0; n < 5; n++ {
					equal(answer("add", bson.A{1000 * own, n}), 1000*own+n)
				}
			}(i)
		}
		all.Wait()
		for i := 0; i < 100; i++ {
			why := <-failed
			check(why == nil, "%v", why)
		}
		check(time.Since(start) < 50*time.Second, "they ran in turn: %v", time.Since(start))
	}},
	{"error_with_code_and_chinese_text", func() {
		_, err := call(demo, "fail", bson.A{"诗词不存在", "找不到《静夜思》"})
		equal(fails(err, 8000, "找不到《静夜思》").Name, "OocrpcApplicationError")
		_, err = call(demo, "fail", bson.A{"permission_denied", "不行"})
		fails(err, 13, "不行")
		_, err = call(demo, "fail", bson.A{"overloaded"})
		check(fails(err, 462, "").HasErrorLabel("SystemOverloadedError"), "no label")
	}},
	{"unknown_method", func() {
		_, err := call(demo, "subtract", bson.A{2, 3})
		equal(fails(err, 59, "").Name, "CommandNotFound")
		_, err = call(demo, "ADD", bson.A{2, 3})
		fails(err, 59, "")
		equal(answer("add", bson.A{2, 3}), 5)
	}},
	{"wrong_argument", func() {
		_, err := call(demo, "add", bson.A{"二", 3})
		fails(err, 9, "a: expected int or double, got string")
		_, err = call(demo, "add", bson.A{1, 2, 3})
		fails(err, 9, "")
	}},
	{"deadline", func() {
		before, start := figure("cancelled"), time.Now()
		_, err := call(demo, "sleep_ms", bson.A{forever}, bson.E{"maxTimeMS", 100})
		fails(err, 50, "")
		took := time.Since(start)
		check(took >= 100*time.Millisecond && took < 20*time.Second, "it took %v", took)
		until(func() bool { return figure("cancelled") == before+1 })
		equal(answer("sleep_ms", bson.A{1}, bson.E{"maxTimeMS", 60000}), 1)
	}},
	{"cancel_by_closing", func() {
		before := figure("cancelled")
		soon, cancel := context.WithTimeout(always, 200*time.Millisecond)
		defer cancel()
		err := demo.RunCommand(soon, bson.D{{"sleep_ms", bson.A{forever}}}).Err()
		check(err != nil, "no error")
		until(func() bool { return figure("cancelled") == before+1 })
		killHanging()
		until(func() bool { return figure("cancelled") == before+2 && figure("in_flight") == 1 })
	}},
	{"current_op_and_kill_op", func() {
		ended := make(chan error)
		go func() {
			_, err := call(demo, "sleep_ms", bson.A{forever})
			ended <- err
		}()
		var op interface{}
		until(func() bool { op = listedOp(); return op != nil })
		_, err := call(observer.Database("admin"), "killOp", 1, bson.E{"op", op})
		must(err)
		fails(<-ended, 11601, "")
		check(listedOp() == nil, "it is still listed")
	}},
}

// echoEveryType compares the whole reply, byte for byte.
func echoEveryType() {
	inner := bsoncore.BuildDocument(nil, bsoncore.AppendInt32Element(nil, "x", 1))
	list := bsoncore.BuildDocument(nil, bsoncore.AppendStringElement(nil, "0", "二"))
	id := primitive.ObjectID{1, 2, 3}
	values := []bsoncore.Value{
		{bsontype.Double, bsoncore.AppendDouble(nil, 3.25)},
		{bsontype.String, bsoncore.AppendString(nil, "床前明月光")},
		{bsontype.String, bsoncore.AppendString(nil, "a\x00b")},
		{bsontype.EmbeddedDocument, inner},
		{bsontype.Array, list},
		{bsontype.Binary, bsoncore.AppendBinary(nil, 0, []byte{0, 1, 2})},
		{bsontype.Binary, bsoncore.AppendBinary(nil, 2, []byte("old"))},
		{bsontype.Binary, bsoncore.AppendBinary(nil, 0x80, []byte{255})},
		{bsontype.Undefined, nil},
		{bsontype.ObjectID, bsoncore.AppendObjectID(nil, id)},
		{bsontype.Boolean, bsoncore.AppendBoolean(nil, true)},
		{bsontype.DateTime, bsoncore.AppendDateTime(nil, -62135596800001)},
		{bsontype.Null, nil},
		{bsontype.Regex, bsoncore.AppendRegex(nil, "^a/b", "im")},
		{bsontype.DBPointer, bsoncore.AppendDBPointer(nil, "db.coll", id)},
		{bsontype.JavaScript, bsoncore.AppendJavaScript(nil, "return 1;")},
		{bsontype.Symbol, bsoncore.AppendSymbol(nil, "symbol")},
		{bsontype.CodeWithScope, bsoncore.AppendCodeWithScope(nil, "return x;", inner)},
		{bsontype.Int32, bsoncore.AppendInt32(nil, -1<<31)},
		{bsontype.Timestamp, bsoncore.AppendTimestamp(nil, 1<<32-1, 7)},
		{bsontype.Int64, bsoncore.AppendInt64(nil, 1)},
		{bsontype.Decimal128, bsoncore.AppendDecimal128(nil, primitive.NewDecimal128(1<<62, 7))},
		{bsontype.MinKey, nil},
		{bsontype.MaxKey, nil},
	}
	for _, v := range values {
		arguments := bsoncore.BuildDocument(nil, bsoncore.AppendValueElement(nil, "value", v))
		expected := bsoncore.BuildDocument(nil,
			bsoncore.AppendDoubleElement(bsoncore.AppendValueElement(nil, "reply", v), "ok", 1))
		got, err := demo.RunCommand(always, bson.D{{"echo", bson.Raw(arguments)}}).DecodeBytes()
		must(err)
		check(bytes.Equal(got, expected), "%v: got %x, expected %x", v.Type, []byte(got), expected)
	}
}

// listedOp is the number of the call of demo.sleep_ms that currentOp lists, or nil.
func listedOp() interface{} {
	reply, err := call(observer.Database("admin"), "currentOp", 1)
	must(err)
	for _, entry := range reply["inprog"].(bson.A) {
		text, err := bson.MarshalExtJSON(entry, false, false)
		must(err)
		if strings.Contains(string(text), "sleep_ms") {
			return entry.(bson.M)["opid"]
		}
	}
	return nil
}
