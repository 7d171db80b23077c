
/*
 * The tables of ngx_litellm_config_lint.c: LiteLLM's keys by section and what
 * this module does with them, and sentences for keys that deserve their own.
 * Included by that file only.  docs/config.md tells the same to users.
 */

#ifndef _NGX_LITELLM_CONFIG_KEYS_H_INCLUDED_
#define _NGX_LITELLM_CONFIG_KEYS_H_INCLUDED_


typedef struct {
    ngx_litellm_cf_section_e   section;
    ngx_litellm_cf_status_e    status;
    const char                *words;
} ngx_litellm_cf_keys_t;


typedef struct {
    ngx_litellm_cf_section_e   section;
    ngx_litellm_diag_e         level;
    ngx_uint_t                 value;    /* not if it is off or empty */
    const char                *words;
    const char                *text;     /* behind the key */
} ngx_litellm_cf_remedy_t;


/* of litellm_params: what providers' setup() reads; prefixes, then names */
static const char  ngx_litellm_cf_setting_prefixes[] = "aws_ vertex_ azure_";
static const char  ngx_litellm_cf_setting_names[] =
    "tenant_id client_id client_secret region_name api_type model_id";

/* of litellm_params: for providers and tools of LiteLLM, never upstream */
static const char  ngx_litellm_cf_param_prefixes[] =
    "aws_ vertex_ azure_ s3_ gcs_ milvus_ valkey_ watsonx_ oci_ "
    "auto_router_ complexity_router_ adaptive_router_ quality_router_ "
    "anthropic_federation_ anthropic_issuer_ anthropic_keycloak_ "
    "openai_identity_";


static const ngx_litellm_cf_keys_t  ngx_litellm_cf_keys[] = {

    { NGX_LITELLM_CF_TOP, NGX_LITELLM_CF_SERVED,
      "model_list litellm_settings router_settings general_settings "
      "environment_variables include credential_list fallbacks "
      "context_window_fallbacks content_policy_fallbacks default_fallbacks "
      "virtual_keys teams users end_users customers cache" },

    { NGX_LITELLM_CF_TOP, NGX_LITELLM_CF_IGNORED,
      "callback_settings guardrails policies policy_attachments prompts "
      "mcp_servers mcp_tools search_tools sandbox_tools "
      "vector_store_registry assistant_settings files_settings "
      "finetune_settings default_vertex_config agents agent_list "
      "worker_registry" },

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_CF_SERVED,
      "drop_params modify_params num_retries num_retries_per_request "
      "max_fallbacks request_timeout allowed_fails "
      "fallbacks default_fallbacks context_window_fallbacks "
      "content_policy_fallbacks expose_router_debug_in_errors "
      "sse_keepalive_ping_interval_seconds stream_continue "
      "stream_idle_timeout hedge budget_exceeded_status_code "
      "block_requests_for_models_without_pricing tag_budget_config "
      "max_budget budget_duration max_end_user_budget max_user_budget "
      "user_budget_duration max_internal_user_budget "
      "internal_user_budget_duration default_key_generate_params "
      "upperbound_key_generate_params default_team_params "
      "default_internal_user_params cache cache_params "
      "default_in_memory_ttl default_redis_ttl "
      "forward_traceparent_to_llm_provider "
      "cost_discount_config cost_margin_config "
      "require_auth_for_metrics_endpoint "
      "prometheus_metrics_max_series_per_metric "
      "prometheus_exclude_metrics prometheus_exclude_labels "
      "prometheus_metrics_config prometheus_latency_buckets "
      "enable_end_user_cost_tracking_prometheus_only "
      "disable_end_user_cost_tracking_prometheus_only" },

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_CF_QUIET,
      "turn_off_message_logging redact_user_api_key_info "
      "redact_messages_in_exceptions suppress_debug_info ssl_verify "
      "network_mock user_url_validation" },

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_CF_LATER,
      "budget_exceeded_throttle_percentage "
      "budget_rollover budget_reset_time "
      "model_group_settings "
      "model_alias_map force_ipv4 "
      "public_routes "
      "disable_end_user_cost_tracking "
      "enable_caching_on_provider_specific_optional_params "
      "use_chat_completions_url_for_anthropic_messages "
      "anthropic_sse_ping_interval_seconds include_cost_in_streaming_usage "
      "enable_anthropic_prompt_caching anthropic_prompt_caching_ttl "
      "user_url_allowed_hosts "
      "provider_url_destination_allowed_hosts priority_reservation "
      "priority_reservation_settings enable_json_schema_validation "
      "default_team_settings "
      "validate_end_user_id_in_db route_all_chat_openai_to_responses "
      "openai_system_messages_first overwrite_user_with_key_hash "
      "add_user_information_to_llm_headers extra_spend_tag_headers "
      "disable_add_user_agent_to_request_tags responses "
      "force_redis_hash_tag_grouping" },

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_CF_IGNORED,
      "set_verbose json_logs telemetry log_raw_request_response "
      "langfuse_default_tags langfuse_public_key langfuse_secret "
      "langfuse_host guardrails custom_provider_map post_call_rules "
      "pre_call_rules mcp_aliases mcp_semantic_tool_filter "
      "websearch_interception_params key_generation_settings "
      "key_alias_pattern email audit_log_callbacks "
      "store_audit_logs input_callback callback_settings s3_callback_params "
      "datadog_params otel "
      "prometheus_initialize_budget_metrics custom_prometheus_tags "
      "custom_prometheus_metadata_labels "
      "prometheus_emit_stream_label "
      "enable_preview_features "
      "aws_sqs_callback_params" },

    { NGX_LITELLM_CF_ROUTER, NGX_LITELLM_CF_SERVED,
      "routing_strategy routing_strategy_args routing_groups "
      "enable_tag_filtering tag_filtering_match_any tag_routing_prefix "
      "enable_pre_call_checks "
      "optional_pre_call_checks enable_weighted_failover "
      "default_max_parallel_requests "
      "model_group_alias num_retries max_fallbacks "
      "retry_after timeout stream_timeout fallbacks default_fallbacks "
      "context_window_fallbacks content_policy_fallbacks "
      "default_litellm_params retry_policy model_group_retry_policy "
      "allowed_fails allowed_fails_policy cooldown_time "
      "disable_cooldowns stream_continue stream_idle_timeout hedge "
      "enable_health_check_routing health_check_staleness_threshold "
      "health_check_ignore_transient_errors "
      "background_health_check_model_groups provider_budget_config "
      "model_budget_config rpm tpm redis_url redis_host redis_port "
      "redis_password redis_username redis_db redis_ssl "
      "cache_responses caching_groups" },

    { NGX_LITELLM_CF_ROUTER, NGX_LITELLM_CF_LATER,
      "cache_kwargs deployment_affinity_ttl_seconds "
      "model_group_affinity_config" },

    { NGX_LITELLM_CF_ROUTER, NGX_LITELLM_CF_IGNORED,
      "alerting_config assistants_config search_tools guardrail_list "
      "router_general_settings client_ttl set_verbose debug_level "
      "ignore_invalid_deployments polling_interval default_priority plugins "
      "weights" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_CF_SERVED,
      "master_key dangerously_permit_weak_or_unset_master_key "
      "dangerously_allow_mock_testing_request_params "
      "always_include_stream_usage max_parallel_requests "
      "coordination_redis fail_closed_rate_limit_enforcement "
      "global_max_parallel_requests litellm_key_header_name "
      "user_header_name user_header_mappings enforce_user_param "
      "background_health_checks "
      "health_check_interval health_check_details health_check_concurrency "
      "allow_public_health_readiness_details "
      "health_check_skip_disabled_background_models "
      "enable_health_check_routing health_check_staleness_threshold "
      "health_check_ignore_transient_errors "
      "background_health_check_model_groups "
      "fail_closed_budget_enforcement disable_budget_reservation "
      "apply_user_budget_to_team_keys budget_exceeded_status_code "
      "block_requests_for_models_without_pricing "
      "default_estimated_output_tokens" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_CF_QUIET,
      "cancel_on_disconnect allow_requests_on_db_unavailable "
      "disable_spend_logs disable_error_logs "
      "disable_responses_id_security use_shared_health_check" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_CF_LATER,
      "completion_model embedding_model image_generation_model "
      "moderation_model admission_queue_timeout_seconds max_request_size_mb "
      "max_response_size_mb "
      "reject_clientside_metadata_tags missing_session_id "
      "pass_through_endpoints pass_through_request_timeout "
      "forward_client_headers_to_llm_api forward_openai_org_id "
      "forward_llm_provider_auth_headers allow_client_side_credentials "
      "token_rate_limit_type disable_retry_on_max_parallel_request_limit_error "
      "include_call_id_in_error_body expose_fallback_errors_to_caller "
      "enforce_fallback_model_access "
      "model_list_healthy_only "
      "enable_drain_endpoint "
      "drain_endpoint_token enforced_params "
      "use_client_credentials_pass_through_routes user_api_key_cache_ttl "
      "user_api_key_cache_max_size infer_model_from_keys enable_jwt_auth "
      "litellm_jwtauth service_account_settings role_permissions "
      "allow_unmanaged_response_ids max_file_size_mb "
      "allowed_file_extensions responses_websocket_session_limit_seconds "
      "enable_openai_websocket_passthrough use_redis_transaction_buffer" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_CF_IGNORED,
      "custom_auth custom_sso custom_key_generate store_model_in_db "
      "store_prompts_in_spend_logs ui_access_mode plugins alerting "
      "alerting_threshold alert_types alerting_args alert_to_webhook_url "
      "spend_report_frequency spend_capture_rate_check "
      "key_management_system key_management_settings use_azure_key_vault "
      "use_google_kms database_connection_pool_limit "
      "database_connection_timeout database_type database_args "
      "proxy_batch_write_at proxy_budget_rescheduler_min_time "
      "proxy_budget_rescheduler_max_time "
      "maximum_spend_logs_retention_period "
      "maximum_spend_logs_retention_interval control_plane_url otel "
      "litellm_license proxy_config_reload_interval_seconds allow_user_auth "
      "supported_db_objects disable_reset_budget disable_adding_master_key_"
      "hash_to_db disable_prisma_schema_update enable_oauth2_auth "
      "enable_oauth2_proxy_auth oauth2_config_mappings disable_master_key_"
      "return disable_load_balancing_between_pods" },

    { NGX_LITELLM_CF_ENTRY, NGX_LITELLM_CF_SERVED,
      "model_name litellm_params model_info rpm tpm" },

    { NGX_LITELLM_CF_PARAMS, NGX_LITELLM_CF_SERVED,
      "model custom_llm_provider api_key api_base base_url api_version "
      "organization litellm_credential_name rpm tpm weight order timeout "
      "stream_timeout keepalive_seconds num_retries drop_params "
      "additional_drop_params allowed_openai_params extra_headers headers "
      "extra_body mock_response cooldown_time max_parallel_requests tags "
      "tag_regex allow_client_keepalive_override "
      "max_budget budget_duration cache caching" },

    { NGX_LITELLM_CF_PARAMS, NGX_LITELLM_CF_QUIET,
      "stream stream_options max_retries base_model itpm otpm "
      "region_name allowed_model_region ssl_verify use_litellm_proxy "
      "use_in_pass_through use_chat_completions_api rust "
      "supports_system_message tenant_id client_id client_secret "
      "merge_reasoning_content_in_choices fireworks_forward_user_id "
      "use_xai_oauth vector_store_id guardrails prompt_id "
      "gcs_bucket_name max_file_size_mb realtime_protocol mock_timeout "
      "mock_delay mock_tool_calls metadata request_timeout "
      "litellm_trace_id id force_timeout logger_fn verbose" },

    { NGX_LITELLM_CF_PARAMS, NGX_LITELLM_CF_LATER,
      "timeout_by_service_tier stream_timeout_by_service_tier "
      "provider_affinity_header silent_model "
      "configurable_clientside_auth_params ensure_alternating_roles "
      "user_continue_message assistant_continue_message "
      "cache_control_injection_points "
      "default_api_key_tpm_limit "
      "default_api_key_rpm_limit" },

    { NGX_LITELLM_CF_PARAMS, NGX_LITELLM_CF_BODY,
      "temperature top_p top_k n stop max_tokens max_completion_tokens "
      "presence_penalty frequency_penalty logit_bias logprobs top_logprobs "
      "seed user tools tool_choice parallel_tool_calls functions "
      "function_call response_format reasoning_effort thinking verbosity "
      "modalities audio prediction store service_tier web_search_options "
      "safety_identifier prompt_cache_key prompt_cache_retention suffix "
      "echo best_of dimensions encoding_format num_ctx keep_alive min_p "
      "repetition_penalty repeat_penalty chat_template_kwargs "
      "enable_thinking guided_json guided_regex guided_choice provider "
      "transforms models route reasoning think include_reasoning "
      "safe_prompt context_management output_config mcp_servers container "
      "inference_geo num_predict mirostat quality size style voice "
      "language truncation input_type betas speed" },

    { NGX_LITELLM_CF_CACHE, NGX_LITELLM_CF_SERVED,
      "type ttl namespace mode supported_call_types max_messages "
      "default_in_memory_ttl default_in_redis_ttl scope by_user "
      "max_temperature max_size" },

    { NGX_LITELLM_CF_CACHE, NGX_LITELLM_CF_QUIET,
      "host port username password url db ssl ssl_cert_reqs ssl_ca_certs "
      "ssl_certfile ssl_keyfile max_connections socket_timeout "
      "redis_flush_size socket_connect_timeout socket_keepalive "
      "retry_on_timeout health_check_interval decode_responses client_name" },

    { NGX_LITELLM_CF_CACHE, NGX_LITELLM_CF_LATER,
      "redis_startup_nodes sentinel_nodes sentinel_password service_name "
      "gcp_service_account gcp_ssl_ca_certs" },

    { NGX_LITELLM_CF_CACHE, NGX_LITELLM_CF_IGNORED,
      "similarity_threshold redis_semantic_cache_embedding_model "
      "redis_semantic_cache_index_name valkey_semantic_cache_embedding_model "
      "valkey_semantic_cache_index_name semantic_cache_scope "
      "semantic_cache_embedding_timeout qdrant_api_base qdrant_api_key "
      "qdrant_collection_name qdrant_quantization_config "
      "qdrant_semantic_cache_embedding_model "
      "qdrant_semantic_cache_vector_size s3_bucket_name s3_region_name "
      "s3_api_version s3_use_ssl s3_verify s3_endpoint_url "
      "s3_aws_access_key_id s3_aws_secret_access_key s3_aws_session_token "
      "s3_config s3_path gcs_bucket_name gcs_path_service_account gcs_path "
      "azure_account_url azure_blob_container disk_cache_dir" },

    { NGX_LITELLM_CF_KEY, NGX_LITELLM_CF_SERVED,
      "key token key_hash key_name key_alias models aliases model_aliases "
      "duration expires created_at blocked rpm_limit tpm_limit "
      "max_parallel_requests model_rpm_limit model_tpm_limit max_budget "
      "soft_budget budget_duration budget_limits model_max_budget user_id "
      "team_id metadata tags allowed_routes allowed_cache_controls "
      "litellm_budget_table" },

    { NGX_LITELLM_CF_TEAM, NGX_LITELLM_CF_SERVED,
      "team_id team_alias models model_aliases aliases created_at blocked "
      "rpm_limit tpm_limit max_parallel_requests model_rpm_limit "
      "model_tpm_limit max_budget soft_budget budget_duration budget_limits "
      "model_max_budget metadata tags allowed_routes "
      "team_member_budget team_member_budget_duration team_member_rpm_limit "
      "team_member_tpm_limit litellm_budget_table" },

    { NGX_LITELLM_CF_USER, NGX_LITELLM_CF_SERVED,
      "user_id user_alias user_email user_role models aliases created_at "
      "blocked rpm_limit tpm_limit max_parallel_requests model_rpm_limit "
      "model_tpm_limit max_budget soft_budget budget_duration budget_limits "
      "model_max_budget metadata tags allowed_routes "
      "litellm_budget_table" },

    { NGX_LITELLM_CF_END_USER, NGX_LITELLM_CF_SERVED,
      "user_id end_user_id customer_id alias models aliases created_at "
      "blocked rpm_limit tpm_limit max_parallel_requests model_rpm_limit "
      "model_tpm_limit max_budget soft_budget budget_duration budget_limits "
      "model_max_budget metadata tags allowed_routes "
      "litellm_budget_table" },

    { NGX_LITELLM_CF_KEY, NGX_LITELLM_CF_LATER,
      "budget_fallbacks throttle_on_budget_exceeded "
      "tpd_limit tag_rpm_limit mcp_rpm_limit default_estimated_output_tokens "
      "default_estimated_output_tokens_per_model rpm_limit_type "
      "tpm_limit_type organization_id project_id agent_id access_group_ids "
      "object_permission router_settings enable_prompt_caching config "
      "permissions guardrails policies enforced_params auto_rotate "
      "rotation_interval allowed_passthrough_routes "
      "denied_passthrough_routes budget_id" },

    { NGX_LITELLM_CF_KEY, NGX_LITELLM_CF_QUIET,
      "spend model_spend updated_at created_by updated_by last_active "
      "key_type budget_reset_at soft_budget_cooldown rotation_count "
      "last_rotation_at key_rotation_at litellm_organization_table" },

    { NGX_LITELLM_CF_TEAM, NGX_LITELLM_CF_QUIET,
      "spend updated_at organization_id admins members "
      "members_with_roles keys budget_reset_at model_spend "
      "litellm_model_table model_id object_permission_id" },

    { NGX_LITELLM_CF_USER, NGX_LITELLM_CF_QUIET,
      "spend updated_at teams team_id organization_id organization_memberships "
      "sso_user_id budget_reset_at model_spend key_alias password "
      "allowed_cache_controls policies" },

    { NGX_LITELLM_CF_END_USER, NGX_LITELLM_CF_QUIET,
      "spend allowed_model_region default_model budget_id "
      "object_permission" },

    { 0, 0, NULL }
};


#define NGX_LITELLM_CF_NO_LIMIT                                               \
    "is not served by this module yet: no limit is enforced by this"
#define NGX_LITELLM_CF_NO_BUDGET                                              \
    "is not served by this module yet: no budget is enforced"
#define NGX_LITELLM_CF_SENT                                                   \
    "is sent to the provider in every request; "


static const ngx_litellm_cf_remedy_t  ngx_litellm_cf_remedies[] = {

    /* where silence would be dangerous */

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_DIAG_ERROR, 0, "master_key",
      "is not read in litellm_settings: the gateway would be open; write it "
      "in general_settings" },

    { NGX_LITELLM_CF_TOP, NGX_LITELLM_DIAG_ERROR, 0, "master_key",
      "is not read at the top level: the gateway would be open; write it in "
      "general_settings" },

    { NGX_LITELLM_CF_ROUTER, NGX_LITELLM_DIAG_ERROR, 0,
      "health_check_interval health_check_concurrency",
      "is not read in router_settings (LiteLLM refuses it too); it belongs "
      "in general_settings" },

    { NGX_LITELLM_CF_ROUTER, NGX_LITELLM_DIAG_WARN, 0, "master_key",
      "is not read in router_settings: the gateway is open unless "
      "general_settings has it" },

    { NGX_LITELLM_CF_TOP, NGX_LITELLM_DIAG_WARN, 1,
      "security rate_limiting rate_limits budgets budget_manager "
      "spend_limits access_groups team_management",
      "is not a section: no limit is enforced by this" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_DIAG_WARN, 1,
      "max_budget budget_duration",
      "is not read in general_settings; it belongs in litellm_settings: no "
      "budget is enforced" },

    { NGX_LITELLM_CF_ROUTER, NGX_LITELLM_DIAG_WARN, 1,
      "max_budget budget_duration",
      "is not read in router_settings; it belongs in litellm_settings: no "
      "budget is enforced" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_DIAG_WARN, 1,
      "max_in_flight_requests_per_worker max_queued_requests_per_worker",
      NGX_LITELLM_CF_NO_LIMIT },

    { NGX_LITELLM_CF_PARAMS, NGX_LITELLM_DIAG_WARN, 1,
      "default_api_key_tpm_limit default_api_key_rpm_limit",
      NGX_LITELLM_CF_NO_LIMIT },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_DIAG_WARN, 1,
      "allowed_routes admin_only_routes public_routes allowed_ips "
      "use_x_forwarded_for trusted_proxy_ranges",
      "is not served by this module: nobody is kept out by this; use "
      "nginx's locations, allow, deny and set_real_ip_from" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_DIAG_WARN, 1,
      "disable_auth allow_routes_without_auth block_robots",
      "has no effect: LiteLLM does not know it" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_DIAG_WARN, 1,
      "max_requests_per_minute rate_limit rpm_limit tpm_limit rpm tpm rps",
      "has no effect: no limit is enforced by this; limits are rpm and tpm "
      "of a deployment, or nginx's limit_req" },

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_DIAG_WARN, 1,
      "rpm tpm rpm_limit tpm_limit rps",
      "has no effect: no limit is enforced by this; limits are rpm and tpm "
      "of a deployment, or nginx's limit_req" },

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_DIAG_WARN, 0, "no_auth",
      "has no effect: LiteLLM does not know it" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_DIAG_WARN, 1,
      "cors_origins allow_origins cors_allow_origins",
      "has no effect; cross-origin headers are added by nginx" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_DIAG_WARN, 1, "database_url",
      "is not used: keys, teams, budgets and models made at run time are "
      "not kept here" },

    /* nginx decides */

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_DIAG_NOTICE, 0, "port host",
      "is not read: nginx's listen decides" },

    { NGX_LITELLM_CF_TOP, NGX_LITELLM_DIAG_NOTICE, 0, "port host",
      "is not read: nginx's listen decides" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_DIAG_NOTICE, 0,
      "log_level verbose debug detailed_debug set_verbose",
      "is not read: nginx's error_log decides" },

    { NGX_LITELLM_CF_GENERAL, NGX_LITELLM_DIAG_NOTICE, 0,
      "salt_key ui_username ui_password use_azure use_langfuse telemetry",
      "is not read" },

    { NGX_LITELLM_CF_KEY, NGX_LITELLM_DIAG_WARN, 0,
      "rpm tpm budget max_parallel limit limits",
      "is not read: no limit is enforced by this; limits are rpm_limit, "
      "tpm_limit, max_parallel_requests and max_budget" },

    { NGX_LITELLM_CF_TEAM, NGX_LITELLM_DIAG_WARN, 0,
      "rpm tpm budget max_parallel limit limits",
      "is not read: no limit is enforced by this; limits are rpm_limit, "
      "tpm_limit, max_parallel_requests and max_budget" },

    { NGX_LITELLM_CF_USER, NGX_LITELLM_DIAG_WARN, 0,
      "rpm tpm budget max_parallel limit limits",
      "is not read: no limit is enforced by this; limits are rpm_limit, "
      "tpm_limit, max_parallel_requests and max_budget" },

    { NGX_LITELLM_CF_END_USER, NGX_LITELLM_DIAG_WARN, 0,
      "rpm tpm budget max_parallel limit limits",
      "is not read: no limit is enforced by this; limits are rpm_limit, "
      "tpm_limit, max_parallel_requests and max_budget" },

    /* near misses and other places */

    { NGX_LITELLM_CF_ROUTER, NGX_LITELLM_DIAG_WARN, 0,
      "model_alias model_aliases",
      "is not read; did you mean \"model_group_alias\"?" },

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_DIAG_WARN, 0,
      "model_alias model_aliases model_group_alias",
      "is not read in litellm_settings; write model_group_alias in "
      "router_settings" },

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_DIAG_WARN, 0,
      "drop_unsupported_params",
      "is not read; did you mean \"drop_params\"?" },

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_DIAG_WARN, 0, "fallback_models",
      "is not read; did you mean \"fallbacks\"?" },

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_DIAG_WARN, 0, "timeout",
      "is not read in litellm_settings; write request_timeout here, or "
      "timeout in router_settings" },

    { NGX_LITELLM_CF_ROUTER, NGX_LITELLM_DIAG_WARN, 0, "fallback_models",
      "is not read; did you mean \"fallbacks\"?" },

    { NGX_LITELLM_CF_ROUTER, NGX_LITELLM_DIAG_WARN, 0, "max_retries",
      "is not read in router_settings; did you mean \"num_retries\"?" },

    { NGX_LITELLM_CF_ROUTER, NGX_LITELLM_DIAG_WARN, 0,
      "enable_pre_call_check",
      "is not read; did you mean \"enable_pre_call_checks\"?" },

    { NGX_LITELLM_CF_ROUTER, NGX_LITELLM_DIAG_WARN, 1, "cache_params",
      "is not read in router_settings; it belongs in litellm_settings, with "
      "cache: true" },

    { NGX_LITELLM_CF_LITELLM, NGX_LITELLM_DIAG_WARN, 0,
      "success_callbacks failure_callbacks",
      "is not read; LiteLLM's name has no \"s\" at its end" },

    { NGX_LITELLM_CF_CACHE, NGX_LITELLM_DIAG_WARN, 0, "redis_url",
      "is not read in cache_params; did you mean \"url\"?" },

    { NGX_LITELLM_CF_CACHE, NGX_LITELLM_DIAG_WARN, 0, "ssl_check_hostname",
      "is not served by this module; ssl_cert_reqs: none looks at no "
      "certificate" },

    { NGX_LITELLM_CF_PARAMS, NGX_LITELLM_DIAG_WARN, 0, "rpm_limit",
      NGX_LITELLM_CF_SENT "did you mean \"rpm\"?" },

    { NGX_LITELLM_CF_PARAMS, NGX_LITELLM_DIAG_WARN, 0, "tpm_limit",
      NGX_LITELLM_CF_SENT "did you mean \"tpm\"?" },

    { NGX_LITELLM_CF_PARAMS, NGX_LITELLM_DIAG_WARN, 0,
      "description mode input_modalities max_input_tokens "
      "max_output_tokens tier access_groups health_check_model",
      NGX_LITELLM_CF_SENT "it belongs in model_info" },

    { NGX_LITELLM_CF_PARAMS, NGX_LITELLM_DIAG_WARN, 0,
      "context_window context_length",
      NGX_LITELLM_CF_SENT "did you mean model_info.max_input_tokens?" },

    { NGX_LITELLM_CF_PARAMS, NGX_LITELLM_DIAG_WARN, 0,
      "retry_base_timeout_ms retry_max_timeout_ms retry_after "
      "retry_initial_timeout_ms retry_min_timeout_ms",
      NGX_LITELLM_CF_SENT "retries are num_retries here and retry_after in "
      "router_settings" },

    { NGX_LITELLM_CF_PARAMS, NGX_LITELLM_DIAG_WARN, 0, "fallbacks",
      NGX_LITELLM_CF_SENT "it belongs in router_settings" },

    { NGX_LITELLM_CF_INFO, NGX_LITELLM_DIAG_WARN, 0, "context_window",
      "is not read; did you mean \"max_input_tokens\"?" },

    { NGX_LITELLM_CF_TOP, NGX_LITELLM_DIAG_WARN, 0, "models",
      "is not a section; did you mean \"model_list\"?" },

    { 0, 0, 0, NULL, NULL }
};


#endif /* _NGX_LITELLM_CONFIG_KEYS_H_INCLUDED_ */
