#!/usr/bin/perl

# Makes ngx_litellm_prices_table.h from LiteLLM's model map
# (model_prices_and_context_window.json): the figures of the models of served
# providers, equal sets of rates once.  Figures are facts.
#
#   perl ngx_litellm_prices.pl VERSION < map.json > ngx_litellm_prices_table.h
#
# Served providers are read from the module's table of them, keys from
# ngx_litellm_price_keys.h.  ngx_litellm_price_read.c does the same to a map
# that is given at configuration time; a unit test holds the two equal.

use warnings;
use strict;

use FindBin;

use lib $FindBin::Bin;
use ngx_litellm_map;


use constant { BASE => 0, TIERED => 1, OFF_PEAK => 2 };

my $version = shift or die "usage: $0 VERSION < map.json > table.h\n";

my %modes = map { $_ => 1 } qw/
	chat completion responses embedding rerank image_generation image_edit
	audio_transcription audio_speech moderation realtime
/;

my (%rates, @rates, %tiers, @tiers, %served);
my (%values, @values, %mods, @mods, %sets, @sets, %rows);


sub slurp {
	my ($file) = @_;

	local $/;
	open(my $fh, '<', "$FindBin::Bin/$file") or die "$file: $!\n";
	return scalar <$fh>;
}


sub read_keys {
	my $text = slurp('ngx_litellm_price_keys.h');

	$text =~ s{/\*.*?\*/}{}gs;

	while ($text =~ /^(RATE|NAME|TIER)\((\w+), "([^"]+)"\)/mg) {
		if ($1 eq 'TIER') {
			push @tiers, $2;
			$tiers{$3} = scalar @tiers;
			next;
		}

		push @rates, $2 if $1 eq 'RATE';
		$rates{$3} = $2;
	}
}


sub read_served {
	for my $file (glob "$FindBin::Bin/../provider/*providers*.[ch]") {
		my $text = slurp('../provider/' . ($file =~ m{([^/]+)$})[0]);

		$served{$1} = 1 while $text =~ /(?:\b[A-Z]|ngx_string)\("([\w.-]+)"/g;
	}
}


# dollars as 10^-12, half up
sub pico {
	my ($n) = @_;

	return undef if !defined $n || ref $n || $n !~ /^[\d.]+(?:[eE][-+]?\d+)?$/;

	return int($n * 1e12 + 0.5);
}


# (rate, above, tier) of a key; nothing for what is no price
sub split_key {
	my ($key) = @_;
	my ($above, $tier) = (0, 0);

	if ($key =~ /^(.*)_([a-z]+)$/ && $tiers{$2}) {
		($key, $tier) = ($1, $tiers{$2});
	}

	if ($key =~ s/_above_(\d+)(k?)_tokens$//) {
		$above = $1 * ($2 ? 1000 : 1);
	}

	return $rates{$key} ? ($rates{$key}, $above, $tier) : ();
}


sub number_of {
	my ($hash, $list, $n) = @_;

	if (!defined $hash->{$n}) {
		$hash->{$n} = @$list;
		push @$list, $n;
	}

	return $hash->{$n};
}


# the rates of one object: "kind above tier rate value"
sub rates_of {
	my ($row, $kind, $from, $provider) = @_;
	my @list;

	for my $key (sort keys %$row) {
		my ($rate, $above, $tier) = split_key($key) or next;
		my $value = pico($row->{$key});

		next if !defined $value;

		# xAI's thresholds are reached, not passed
		$above-- if $above && $provider eq 'xai';

		push @list, [ $kind, $kind == TIERED ? $from : $above, $tier,
			$rate, $value ];
	}

	return @list;
}


sub minutes {
	my ($time) = @_;

	return $time =~ /^(\d\d?):(\d\d)$/ ? $1 * 60 + $2 : undef;
}


sub windows {
	my ($row) = @_;
	my $zone = $row->{weekday_timezone} || 'UTC';
	my @list;

	return () if $zone ne 'UTC' && $zone ne 'Asia/Shanghai';

	for my $w (@{$row->{windows}}) {
		my $days = 0;

		$days |= 1 << ($_ - 1) for @{$w->{weekdays} || [ 1 .. 7 ]};

		my $hours = $w->{hours_utc};

		for my $span (ref $hours ? @$hours : $hours) {
			my ($from, $to) = map { minutes($_) } split /-/, $span;

			next if !defined $from || !defined $to;

			$to = 1440 if $to == 0;

			push @list, [ OFF_PEAK, 0, 0, 'WINDOW',
				($zone eq 'UTC' ? 0 : 8) << 32
				| $days << 24 | $from << 12 | $to ];
		}
	}

	return @list;
}


sub set_of {
	my ($row, $provider) = @_;
	my %row = %$row;
	my @list;

	for my $key (qw/search_context_cost_per_query provider_specific_entry/) {
		my $o = $row{$key};
		next if ref $o ne 'HASH';
		$row{$_} = $o->{$_} for keys %$o;
	}

	push @list, rates_of(\%row, BASE, 0, $provider);

	if (ref $row{tiered_pricing} eq 'ARRAY') {
		for my $tier (@{$row{tiered_pricing}}) {
			my $range = $tier->{range} or next;
			push @list, rates_of($tier, TIERED, int($range->[0]),
				$provider);
		}
	}

	if (ref $row{off_peak_pricing} eq 'HASH') {
		my @windows = windows($row{off_peak_pricing});

		push @list, @windows, rates_of($row{off_peak_pricing},
			OFF_PEAK, 0, $provider) if @windows;
	}

	my %order;
	@order{@rates} = (0 .. $#rates);

	@list = sort {
		$a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] || $a->[2] <=> $b->[2]
		|| $order{$a->[3]} <=> $order{$b->[3]} || $a->[4] <=> $b->[4]
	} @list;

	return join ',', map {
		my ($kind, $above, $tier, $rate, $value) = @$_;

		sprintf '{%s,%d,%d}', $rate,
			number_of(\%mods, \@mods, "{$above,$tier,$kind}"),
			number_of(\%values, \@values, $value);
	} @list;
}


# short items, several on a line
sub lines {
	my ($behind, @items) = @_;
	my ($line, $text) = ('', '');

	for my $item (@items) {
		if (length($line) + length($item) > 76) {
			$text .= "$line\n";
			$line = '';
		}

		$line .= ' ' if $behind eq ' ' && $line ne '';
		$line .= $behind eq ' ' ? $item : "$item$behind";
	}

	return "$text$line\n";
}


read_keys();
read_served();

my $map = read_map(\*STDIN);

for my $key (sort keys %$map) {
	my $row = $map->{$key};

	next if !served($key, $row) || !$modes{$row->{mode} || ''};
	next if $key =~ /-(?:month|week)-commitment/;

	my $provider = provider_of($row);
	my ($name, $bare) = name_of($key, $row);

	next if $name eq '' || !$served{$provider};

	# as LiteLLM looks for it: with the provider's name first
	next if $rows{"$name\0$provider"} && $bare;

	$rows{"$name\0$provider"} = $row;
}

my %number;
my @providers = sort grep { !$number{$_}++ }
	map { (split /\0/)[1] } keys %rows;

@number{@providers} = (0 .. $#providers);

my ($offset, @names, @models) = (0);

for my $id (sort keys %rows) {
	my ($name, $provider) = split /\0/, $id;
	my $set = set_of($rows{$id}, $provider);

	next if $set eq '';

	push @models, sprintf '{%d,%d,%d}', $offset,
		number_of(\%sets, \@sets, $set), $number{$provider};
	push @names, $name;

	$offset += length($name) + 1;
}

die "too many\n" if @values > 65536 || @mods > 256 || @providers > 256;

print <<"EOF";

/*
 * Made by ngx_litellm_prices.pl: not to be edited.
 * Source: LiteLLM, model_prices_and_context_window.json ($version; MIT).
 * Amounts in 10^-12 dollar; sets of rates, each {what, where it holds, amount}
 * by index; models by name and provider, bytewise: {name, set, provider}.
 */

EOF

print "#define $_  NGX_LITELLM_RATE_$_\n" for @rates;

print "\n\nstatic const int64_t  ngx_litellm_price_values[] = {\n",
	lines(',', map { $_ > 2147483647 ? "${_}LL" : $_ } @values), "};\n";

print "\n\n/* tokens above which it holds, tier, kind */\n",
	"static const ngx_litellm_price_mod_t  ngx_litellm_price_mods[] = {\n",
	lines(',', @mods), "};\n";

print "\n\nstatic const ngx_litellm_price_packed_t  ",
	"ngx_litellm_price_packed[] = {\n";

my $first = 0;
my @first;

for my $set (@sets) {
	my $n = () = $set =~ /\{/g;

	push @first, "{$first,$n,0,0}";
	$first += $n;

	print "$set,\n";
}

print "};\n\n\nstatic const ngx_litellm_price_t  ngx_litellm_price_sets[] = {\n",
	lines(',', @first), "};\n";

my ($at, @at) = (0);

for my $provider (@providers) {
	push @at, $at;
	$at += length($provider) + 1;
}

print "\n\nstatic const uint16_t  ngx_litellm_price_providers[] = {\n",
	lines(',', @at), "};\n";

print "\n\nstatic const char  ngx_litellm_price_providers_text[] =\n";
print lines(' ', map { "\"$_\\0\"" } @providers);

print ";\n\n\nstatic const char  ngx_litellm_price_names_text[] =\n";
print lines(' ', map { "\"$_\\0\"" } @names);

print ";\n\n\nstatic const ngx_litellm_price_model_t  ",
	"ngx_litellm_price_models[] = {\n", lines(',', @models), "};\n\n\n";

print "#undef $_\n" for @rates;
