#pragma once

#include "log.hpp"
#include "workers.hpp"

namespace host {

/// Writes every suspended call and task of all loops to the log, each with its age, whatever the
/// log's level is. On the first loop; the others write theirs as soon as they can.
void dump_state(workers& loops, log& to);

} // namespace host
