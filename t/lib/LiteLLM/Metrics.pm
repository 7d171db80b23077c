package LiteLLM::Metrics;

# Values of a page of metrics that was read into { name => { labels => value } }.

use warnings;
use strict;

use Exporter 'import';
use LiteLLM::Peer;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(series_sum wait_value wait_more);

# the sum of all series of that name with these labels; undef without one
sub series_sum {
    my ($series, $name, %labels) = @_;
    my $sum;
    for my $l (keys %{$series->{$name} || {}}) {
        next if grep { $l !~ /(^|,)\Q$_="$labels{$_}"\E(,|$)/ } keys %labels;
        $sum += $series->{$name}{$l};
    }
    return $sum;
}

# A request is counted when it has ended here, which its client may not wait for, and
# not in one moment: what read() gives in the end, which is the wanted value after so many
# seconds at most (undef: none).
sub wait_value {
    my ($want, $seconds, $read) = @_;
    my $end = time() + $seconds * $LiteLLM::Peer::slow;
    my $got;
    while (time() < $end) {
        $got = $read->();
        last if defined $got ? defined $want && $got == $want : !defined $want;
        sleep 0.02;
    }
    return $got;
}

# the same, of what was read before: it is read again if that is another
sub wait_more {
    my ($want, $seconds, $value, $read) = @_;
    my $n = 0;
    return wait_value($want, $seconds, sub { $read->() if $n++; $value->() });
}

1;
