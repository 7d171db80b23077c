package LiteLLM::Pair;

# Two gateways on one Redis under the load of proof/play.py, for t/redis_faults.t
# and t/redis_proof.t:
#
#   my $pair = LiteLLM::Pair->new($a, $b);              two LiteLLM::Test
#   $pair->play('clients', { ... }); $pair->order(...); $pair->hear(...);
#
# and what is counted where: in the access logs (log_format of LOG), at the
# providers, and by each gateway in Redis.

use warnings;
use strict;

use Digest::SHA qw(sha256_hex);
use IPC::Open2;
use LiteLLM::Test;
use Math::BigInt;
use POSIX ();
use Time::HiRes qw(time sleep);

use constant LOG => q('$http_mark $status $litellm_cost $msec $request_time');

# numbers of a gateway's field in an account
our %FIELD = (version => 0, window => 1, requests => 2, tokens => 3, inflight => 4, reserved => 5, spend => 6);

my $slow = $LiteLLM::Peer::slow;

sub new {
    my ($class, @gates) = @_;
    return bless { gates => \@gates, play => {}, pids => [], owner => $$ }, $class;
}

sub gates { return @{$_[0]{gates}} }

# nginx.conf of both, with so many workers, and litellm.yaml
sub write {
    my ($self, $workers, $http, $yaml) = @_;
    for my $g ($self->gates) {
        my $conf = $g->write_conf(
            main => 'worker_rlimit_nofile 20000;',
            http => "lingering_close off;\nlog_format cost " . LOG . ";\naccess_log %%DIR%%/cost.log cost;\n$http",
            listen => ' reuseport backlog=4096',
            server => "location = /m { litellm_metrics; access_log off; }\n"
                . "location /hedge/ { litellm; litellm_hedge delay=300ms budget=100% burst=1000; }\n"
                . "location /on/ { litellm; litellm_stream_continue on; }\n")->read_file('nginx.conf');
        $conf =~ s/worker_processes 1;/worker_processes $workers;/;
        $conf =~ s/worker_connections 512;/worker_connections 8192;/;
        $g->write_file('nginx.conf', $conf);
        $g->write_file('litellm.yaml', $yaml);
    }
}

# model_list: groups of proof/play.py's requests, at four ports of its providers
sub models {
    my @port = @_;
    my $entry = sub {
        my ($name, $port, $more) = @_;
        return "  - model_name: $name\n    litellm_params: {model: openai/proof, api_base: 'http://127.0.0.1:$port/v1', api_key: k, "
            . 'input_cost_per_token: 1e-12, output_cost_per_token: 0.000001' . ($more // '') . "}\n";
    };
    return "model_list:\n" . $entry->('load', $port[0]) . $entry->('load', $port[1]) . $entry->('embed', $port[0])
        . $entry->('behind', $port[2]) . $entry->('edge', $port[3]);
}

# --- the player

sub play {
    my ($self, $mode, $setup) = @_;
    my $pid = open2(my $from, my $to, 'python3', '-B', 't/proof/play.py', $mode, json_text($setup));
    $to->autoflush(1);
    push @{$self->{pids}}, $pid;
    $self->{play}{$mode} = [$from, $to];
    return $self->hear($mode, 'ready');
}

sub order { my ($self, $mode, $what) = @_; print {$self->{play}{$mode}[1]} json_text($what) . "\n" }

sub hear {
    my ($self, $mode, $name) = @_;
    my $from = $self->{play}{$mode}[0];
    while (defined(my $line = <$from>)) {
        my $value = json_of($line) or next;
        die "the player: $value->{broken}\n" if $value->{broken};
        return $value if exists $value->{$name};
    }
    die "the player has ended\n";
}

sub look {
    my $self = shift;
    $self->order('provider', { look => JSON::PP::true() });
    return $self->hear('provider', 'calls');
}

sub DESTROY {
    my $self = shift;
    return if $$ != $self->{owner};
    local ($?, $@, $!);
    kill 'KILL', @{$self->{pids}};
    waitpid $_, 0 for @{$self->{pids}};
}

# --- what was logged

# units of 10^-12 dollar
sub units {
    my ($whole, $part) = ($_[0] // '') =~ /^(\d+)(?:\.(\d{1,12}))?$/ or return Math::BigInt->bnan;
    return Math::BigInt->new($whole . substr(($part // '') . '0' x 12, 0, 12));
}

# lines of a gateway's log, or of both: { name, status, cost (units), begin, end }
sub lines {
    my ($self, @gates) = @_;
    my @all;
    for my $g (@gates ? @gates : $self->gates) {
        for (split /\n/, $g->read_file('cost.log')) {
            my ($name, $status, $cost, $end, $took) = split / /;
            next if !defined $took;
            push @all, { name => $name, status => $status, cost => $cost eq '-' ? undef : units($cost),
                begin => $end - $took, end => $end + 0 };
        }
    }
    return @all;
}

sub logged {
    my ($self, $name, @gates) = @_;
    my $sum = Math::BigInt->new(0);
    $_->{name} eq $name && defined $_->{cost} && $sum->badd($_->{cost}) for $self->lines(@gates);
    return $sum;
}

# a cost says how many tokens it was for
sub tokens { return $_[0] / 1000000 + $_[0] % 1000000 }

# --- what is in Redis

# of a key: the fields of the gateways, each a list of numbers
sub fields {
    my ($self, $redis, $key) = @_;
    my %h = @{$redis->do('HGETALL', '{litellm}:api_key:' . sha256_hex($key))};
    return map { [split / /, $h{$_}] } grep { /^[0-9a-f]{16}$/ } sort keys %h;
}

sub sum {
    my ($self, $redis, $key, $what) = @_;
    my $sum = Math::BigInt->new(0);
    $sum->badd($_->[$FIELD{$what}]) for $self->fields($redis, $key);
    return $sum->bstr;
}

# --- the gateways' own figures

sub metrics {
    my ($g, $name) = @_;
    my $text = http("GET /m HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", port => $g->port(8080))->{body};
    my $sum = 0;
    $sum += $1 while $text =~ /^\Q$name\E(?:\{[^}]*\})? (\S+)$/mg;
    return $sum;
}

# seconds of processor that these have had
sub cpu {
    my $sum = 0;
    for my $pid (@_) {
        open my $f, '<', "/proc/$pid/stat" or next;
        my @stat = split / /, (<$f> // '') =~ s/^.*\) //r;
        $sum += ($stat[11] + $stat[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
    }
    return $sum;
}

sub wait_for {
    my ($what, $seconds) = @_;
    my $end = time + ($seconds || 15) * $slow;
    while (time < $end) {
        return 1 if eval { $what->() };
        sleep 0.05;
    }
    return 0;
}

1;
