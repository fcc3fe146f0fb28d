namespace cpp peers.thrift_demo

service Demo {
  i32 add(1: i32 a, 2: i32 b)
  binary echo(1: binary data)
}
