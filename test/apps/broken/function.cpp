// What is no descriptor, though it has the name of one; aligned as one, so that it is read.

extern "C" [[gnu::aligned(16)]] void oocrpc_plugin() {}
