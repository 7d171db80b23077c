
/*
 * The price keys of LiteLLM's map that are served: what they are called here.
 * Read by the C sources, each with its own RATE, NAME and TIER, and by
 * ngx_litellm_prices.pl.
 *
 *     RATE(id, key)    a rate and its first name
 *     NAME(id, key)    a further name of it
 *     TIER(id, word)   a service tier: key_word
 *
 * A key may have "_above_200k_tokens" behind it, then a tier.
 */

RATE(IN, "input_cost_per_token")
RATE(OUT, "output_cost_per_token")
RATE(CACHE_READ, "cache_read_input_token_cost")
RATE(CACHE_WRITE, "cache_creation_input_token_cost")
RATE(CACHE_WRITE_1H, "cache_creation_input_token_cost_above_1hr")
RATE(CACHE_HIT, "input_cost_per_token_cache_hit")
RATE(IN_AUDIO, "input_cost_per_audio_token")
RATE(OUT_AUDIO, "output_cost_per_audio_token")
RATE(IN_IMAGE, "input_cost_per_image_token")
RATE(OUT_IMAGE, "output_cost_per_image_token")
RATE(REASONING, "output_cost_per_reasoning_token")

RATE(SECOND, "cost_per_second")
RATE(IN_SECOND, "input_cost_per_second")
RATE(OUT_SECOND, "output_cost_per_second")
RATE(AUDIO_SECOND, "input_cost_per_audio_per_second")
RATE(REQUEST, "input_cost_per_request")
RATE(QUERY, "input_cost_per_query")
RATE(IN_CHARACTER, "input_cost_per_character")
RATE(OUT_CHARACTER, "output_cost_per_character")

RATE(IMAGE, "output_cost_per_image")
RATE(IMAGE_512, "output_cost_per_image_512")
NAME(IMAGE_512, "output_cost_per_image_0.5K")
RATE(IMAGE_1024, "output_cost_per_image_1024")
NAME(IMAGE_1024, "output_cost_per_image_1K")
RATE(IMAGE_1536, "output_cost_per_image_1536")
RATE(IMAGE_2048, "output_cost_per_image_2K")
RATE(IMAGE_4096, "output_cost_per_image_4K")
RATE(PER_IMAGE, "input_cost_per_image")
RATE(OUT_PIXEL, "output_cost_per_pixel")
RATE(IN_PIXEL, "input_cost_per_pixel")

/* members of search_context_cost_per_query */
RATE(SEARCH_MEDIUM, "search_context_size_medium")
RATE(SEARCH_LOW, "search_context_size_low")
RATE(SEARCH_HIGH, "search_context_size_high")

/* factors, in the same unit; the last two of provider_specific_entry */
RATE(UPLIFT, "regional_endpoint_uplift_multiplier")
RATE(UPLIFT_EU, "regional_processing_uplift_multiplier_eu")
RATE(UPLIFT_US, "regional_processing_uplift_multiplier_us")
RATE(GEO_US, "us")
RATE(FAST, "fast")

/* of off_peak_pricing: weekdays, minutes of the day; no amount */
RATE(WINDOW, "windows")

TIER(FLEX, "flex")
TIER(BALANCED, "balanced")
TIER(PRIORITY, "priority")
TIER(ULTRAFAST, "ultrafast")
TIER(DECISIONS, "decisions")
TIER(BATCHES, "batches")
