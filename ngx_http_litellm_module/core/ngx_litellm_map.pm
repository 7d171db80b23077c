package ngx_litellm_map;

# What the scripts that read LiteLLM's model map share: its entries with the
# names of provider and model as the module has them.

use warnings;
use strict;

use Exporter 'import';
use JSON::PP;

our @EXPORT = qw/ read_map served provider_of name_of /;


# rows of the map on a file handle by key
sub read_map {
	my ($fh) = @_;

	local $/;
	return JSON::PP->new->utf8->decode(scalar <$fh>);
}


# names that can stand in a C string, of entries that are models
sub served {
	my ($key, $row) = @_;

	return 0 if ref $row ne 'HASH' || !defined $row->{litellm_provider};
	return 0 if $key =~ /[^\x21-\x7e]|["\\]/;
	return $row->{litellm_provider} =~ /^[\w.-]+$/;
}


# the provider without the family or form of its models
sub provider_of {
	my ($row) = @_;
	my $provider = $row->{litellm_provider};

	$provider =~ s/^(vertex_ai|fireworks_ai)-.*$/$1/;
	$provider = 'openai' if $provider eq 'text-completion-openai';
	$provider = 'bedrock' if $provider eq 'bedrock_converse';
	$provider = 'cohere' if $provider eq 'cohere_chat';

	return $provider;
}


# the name without the provider's prefix, and whether it had none; an empty
# name for what stands for all of a provider's models
sub name_of {
	my ($key, $row) = @_;
	my $provider = provider_of($row);
	my $name = $key;

	if ($name =~ s{^\Q$row->{litellm_provider}\E/}{}
		|| $name =~ s{^\Q$provider\E/}{})
	{
		return ($name eq '*' ? '' : $name, 0);
	}

	return ($name, 1);
}


1;
