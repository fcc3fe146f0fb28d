// What is no descriptor, though it has the name of one.

extern "C" void oocrpc_plugin() {}
