// Statements on the stages and transitions of pipelines, planned once per session.
#pragma once

#include "pg/spi.hpp"

namespace sentinel::pipelines {

// Id of the default pipeline. Arguments: org.
extern pg::Statement default_pipeline;

// Stage and kind of the first open stage. Arguments: org, pipeline.
extern pg::Statement first_stage;

// Kind of a stage. Arguments: org, pipeline, stage.
extern pg::Statement stage_kind;

// Names of all stages, in their order, as a list. Arguments: org, pipeline.
extern pg::Statement all_stages;

// Kind of the stage moved to and whether it lies beyond the furthest one, for a legal move; no row for an
// illegal one. Arguments: org, pipeline, from, to, furthest stage or null.
extern pg::Statement move;

// Names of the stages that may follow, as a list. Arguments: org, pipeline, stage.
extern pg::Statement next_stages;

}  // namespace sentinel::pipelines
