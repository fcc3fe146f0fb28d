@0xe4dc5bce1a2df5d1;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("peers::capnp_demo");

interface Demo {
  add @0 (a :Int32, b :Int32) -> (sum :Int32);
  echo @1 (data :Data) -> (data :Data);
}
