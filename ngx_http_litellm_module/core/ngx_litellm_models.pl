#!/usr/bin/perl

# Makes ngx_litellm_models_table.h from LiteLLM's model map
# (model_prices_and_context_window.json).  Only facts are taken: names,
# providers, modes, limits and abilities; no prices.
#
#   perl ngx_litellm_models.pl VERSION < map.json > ngx_litellm_models_table.h

use warnings;
use strict;

use FindBin;
use JSON::PP;

use lib $FindBin::Bin;
use ngx_litellm_map;


my $version = shift or die "usage: $0 VERSION < map.json > table.h\n";

my %modes = (
	chat                => 'CHAT',
	completion          => 'COMPLETION',
	embedding           => 'EMBEDDING',
	responses           => 'RESPONSES',
	rerank              => 'RERANK',
	image_generation    => 'IMAGE',
	audio_transcription => 'AUDIO_IN',
	audio_speech        => 'AUDIO_OUT',
	moderation          => 'MODERATION',
	realtime            => 'REALTIME',
);

# short names of the table, defined at its head
my %short = (
	CHAT => 'C', COMPLETION => 'T', EMBEDDING => 'E', RESPONSES => 'R',
	RERANK => 'K', IMAGE => 'I', AUDIO_IN => 'A', AUDIO_OUT => 'S',
	MODERATION => 'M', REALTIME => 'L',
);

my @abilities = (
	[ 0x00000002, 'supports_function_calling' ],
	[ 0x00000004, 'supports_tool_choice' ],
	[ 0x00000008, 'supports_parallel_function_calling' ],
	[ 0x00000010, 'supports_vision' ],
	[ 0x00000020, 'supports_response_schema' ],
	[ 0x00000040, 'supports_reasoning' ],
	[ 0x00000080, 'supports_system_messages' ],
	[ 0x00000100, 'supports_pdf_input' ],
	[ 0x00000200, 'supports_audio_input' ],
	[ 0x00000400, 'supports_audio_output' ],
	[ 0x00000800, 'supports_web_search' ],
	[ 0x00001000, 'supports_assistant_prefill' ],
	[ 0x00002000, 'supports_prompt_caching' ],
	[ 0x00004000, 'supports_native_structured_output' ],
	[ 0x00008000, 'supports_none_reasoning_effort' ],
	[ 0x00010000, 'supports_minimal_reasoning_effort' ],
	[ 0x00020000, 'supports_xhigh_reasoning_effort' ],
	[ 0x00040000, 'supports_max_reasoning_effort' ],
	[ 0x00200000, 'supports_adaptive_thinking' ],
	[ 0x00400000, 'supports_legacy_thinking' ],
	[ 0x00800000, 'thinking_always_on' ],
	[ 0x02000000, 'supports_mid_conversation_system' ],
	[ 0x04000000, 'supports_output_config' ],
);

# abilities that matter where they are denied
my @denied = (
	[ 0x00080000, 'supports_low_reasoning_effort' ],
	[ 0x01000000, 'supports_sampling_params' ],
	[ 0x08000000, 'supports_forced_tool_use' ],
	[ 0x10000000, 'supports_assistant_prefill' ],
);


sub truth {
	my ($v) = @_;

	return 0 if !defined $v;
	return $v ? 1 : 0 if JSON::PP::is_bool($v);
	return $v =~ /^true$/i ? 1 : 0;
}


sub tokens {
	my ($v) = @_;

	return 0 if !defined $v || $v !~ /^\d+(?:\.0*)?$/;
	return $v > 4294967295 ? 0 : int($v);
}


sub flags {
	my ($row) = @_;
	my $flags = 1;

	for my $a (@abilities) {
		$flags |= $a->[0] if truth($row->{$a->[1]});
	}

	for my $a (@denied) {
		$flags |= $a->[0]
			if defined $row->{$a->[1]} && !truth($row->{$a->[1]});
	}

	$flags |= 0x00100000
		if ($row->{default_reasoning_effort} || '') eq 'none';

	return $flags;
}


my $map = read_map(\*STDIN);
my %rows;

for my $key (sort keys %$map) {
	my $row = $map->{$key};
	next if !served($key, $row);

	my $provider = provider_of($row);
	my $mode = $modes{$row->{mode} || ''};

	next if !defined $mode;

	# prices of single image sizes and spans of time: no models
	next if $key =~ m{\d+-x-\d+|/\d+-steps?/|-(?:month|week)-commitment};

	my ($name, $bare) = name_of($key, $row);

	next if $name eq '';

	my $flags = flags($row);
	my $output = tokens($row->{max_output_tokens})
		|| tokens($row->{max_tokens});

	# the bare row of a name wins over the prefixed one
	my $old = $rows{"$name\0$provider"};
	next if $old && $old->{bare} && !$bare;

	$rows{"$name\0$provider"} = {
		name => $name, provider => $provider, bare => $bare,
		input => tokens($row->{max_input_tokens}), output => $output,
		flags => $bare ? $flags | 0x80000000 : $flags,
		mode => $short{$mode},
	};
}

print <<"EOF";

/*
 * Made by ngx_litellm_models.pl: not to be edited.
 * Source: LiteLLM, model_prices_and_context_window.json ($version; MIT).
 * Name, provider, input and output limit in tokens, flags, mode; sorted by
 * name and provider, bytewise.
 */

EOF

for my $mode (sort keys %short) {
	print "#define $short{$mode}  NGX_LITELLM_MODE_$mode\n";
}

print "\n\nstatic const ngx_litellm_model_t  ngx_litellm_models[] = {\n";

for my $id (sort keys %rows) {
	my $r = $rows{$id};

	printf "{\"%s\",\"%s\",%d,%d,0x%x,%s},\n", $r->{name}, $r->{provider},
		$r->{input}, $r->{output}, $r->{flags}, $r->{mode};
}

print "};\n\n\n";

for my $mode (sort keys %short) {
	print "#undef $short{$mode}\n";
}
