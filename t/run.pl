#!/usr/bin/perl

# Runs test files and adds up their checks.  Prints, last, the line that
# build.sh adds to its sum: "LABEL: N passed, N failed".  A file that broke
# off, or ran another number of checks than it planned, counts as failed even
# if every check that it made passed.
#
#   perl t/run.pl [--label NAME] [--jobs N] [--verbose] FILE...

use warnings;
use strict;

use Cwd qw(abs_path);
use File::Basename qw(dirname basename);
use Getopt::Long;
use TAP::Harness;

my ($label, $jobs, $verbose) = ('tests', 1, 0);
GetOptions('label=s' => \$label, 'jobs=i' => \$jobs, 'verbose' => \$verbose) or exit 2;

my $t = dirname(abs_path($0));
my @files = map { abs_path($_) } @ARGV;
chdir dirname($t);

my $harness = TAP::Harness->new({ lib => ["$t/lib"], jobs => $jobs, verbosity => $verbose,
    failures => 1, merge => 0 });
my $sum = $harness->runtests(map { [$_, 't/' . basename($_)] } @files);

my ($passed, $failed) = (scalar $sum->passed, scalar $sum->failed);
for my $parser ($sum->parsers) {
    $failed++ if !$parser->failed && $parser->has_problems;
}
$failed++ if !@files;

print "$label: $passed passed, $failed failed\n";
exit($failed ? 1 : 0);
