package LiteLLM::Turns;

# How long the turns of a worker's event loop are, as one sees it who asks it for
# something small meanwhile: of the worker's time on a processor what goes by until
# the answer is there.
#
#   my $turns = LiteLLM::Turns->new($worker, $peer);
#   my $ms = $turns->ask("GET /ping ...") // next;
#
# Other processes take nothing of it.  Where the test itself had to wait for a
# processor, the worker may have done more than answer: that says nothing.

use warnings;
use strict;

use Socket qw(IPPROTO_TCP);
use Time::HiRes qw(time);

use constant TCP_INFO => 11;
use constant LATE => 0.005;

sub new {
    my ($class, $worker, $peer) = @_;
    return bless { worker => $worker, peer => $peer }, $class;
}

# ms on a processor so far
sub cpu {
    my $self = shift;
    open my $f, '<', "/proc/$self->{worker}/schedstat" or return 0;
    return (split / /, scalar <$f>)[0] / 1e6;
}

# ms, or nothing if it can't be told; answer: what came, undef if nothing did
sub ask {
    my ($self, $raw) = @_;
    my $peer = $self->{peer};
    my $start = time;
    my $before = $self->cpu;
    $peer->write($raw);
    my $sent = time;
    $self->{answer} = $peer->read_message or return;
    my $took = $self->cpu - $before;

    # tcpi_last_data_recv: ms since something came
    my $since = unpack 'x52 L', getsockopt($peer->{sock}, IPPROTO_TCP, TCP_INFO) // return $took;
    return $sent - $start > LATE || $since > 1000 * LATE ? undef : $took;
}

1;
