#include "pipelines.hpp"

namespace sentinel::pipelines {

namespace {

const Oid kOrgOnly[] = {UUIDOID};
const Oid kOrgPipeline[] = {UUIDOID, UUIDOID};
const Oid kOrgPipelineStage[] = {UUIDOID, UUIDOID, TEXTOID};
const Oid kOrgPipelineMove[] = {UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID};

}  // namespace

pg::Statement default_pipeline = {
    "SELECT p.id FROM sentinel.pipelines p WHERE p.org_id OPERATOR(pg_catalog.=) $1 AND p.is_default", 1,
    kOrgOnly};

pg::Statement first_stage = {
    "SELECT s.stage, s.kind FROM sentinel.pipeline_stages s WHERE s.org_id OPERATOR(pg_catalog.=) $1"
    " AND s.pipeline_id OPERATOR(pg_catalog.=) $2 AND s.kind OPERATOR(pg_catalog.=) 'open'"
    " ORDER BY s.position LIMIT 1",
    2, kOrgPipeline};

pg::Statement stage_kind = {
    "SELECT s.kind FROM sentinel.pipeline_stages s WHERE s.org_id OPERATOR(pg_catalog.=) $1"
    " AND s.pipeline_id OPERATOR(pg_catalog.=) $2 AND s.stage OPERATOR(pg_catalog.=) $3",
    3, kOrgPipelineStage};

pg::Statement all_stages = {
    "SELECT pg_catalog.string_agg(s.stage, ', ' ORDER BY s.position) FROM sentinel.pipeline_stages s"
    " WHERE s.org_id OPERATOR(pg_catalog.=) $1 AND s.pipeline_id OPERATOR(pg_catalog.=) $2",
    2, kOrgPipeline};

pg::Statement move = {
    "SELECT s.kind, f.position IS NULL OR s.position OPERATOR(pg_catalog.>) f.position"
    " FROM sentinel.stage_transitions t"
    " JOIN sentinel.pipeline_stages s ON s.org_id OPERATOR(pg_catalog.=) t.org_id"
    "  AND s.pipeline_id OPERATOR(pg_catalog.=) t.pipeline_id AND s.stage OPERATOR(pg_catalog.=) t.to_stage"
    " LEFT JOIN sentinel.pipeline_stages f ON f.org_id OPERATOR(pg_catalog.=) t.org_id"
    "  AND f.pipeline_id OPERATOR(pg_catalog.=) t.pipeline_id AND f.stage OPERATOR(pg_catalog.=) $5"
    " WHERE t.org_id OPERATOR(pg_catalog.=) $1 AND t.pipeline_id OPERATOR(pg_catalog.=) $2"
    " AND t.from_stage OPERATOR(pg_catalog.=) $3 AND t.to_stage OPERATOR(pg_catalog.=) $4",
    5, kOrgPipelineMove};

pg::Statement next_stages = {
    "SELECT pg_catalog.string_agg(t.to_stage, ', ' ORDER BY s.position) FROM sentinel.stage_transitions t"
    " JOIN sentinel.pipeline_stages s ON s.org_id OPERATOR(pg_catalog.=) t.org_id"
    "  AND s.pipeline_id OPERATOR(pg_catalog.=) t.pipeline_id AND s.stage OPERATOR(pg_catalog.=) t.to_stage"
    " WHERE t.org_id OPERATOR(pg_catalog.=) $1 AND t.pipeline_id OPERATOR(pg_catalog.=) $2"
    " AND t.from_stage OPERATOR(pg_catalog.=) $3",
    3, kOrgPipelineStage};

}  // namespace sentinel::pipelines
