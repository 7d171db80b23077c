#!/usr/bin/perl

# Discounts and margins of providers: headers, the variable, what is booked and
# what a budget reserves; what the configuration says of wrong ones.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(52);
my $master = 'sk-secret-master-key';

sub entry {
    my ($name, $model, $price) = @_;
    return "  - model_name: $name\n    litellm_params: {model: $model, api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', "
        . "api_key: k, input_cost_per_token: $price, output_cost_per_token: $price}\n";
}

my $yaml = "model_list:\n" . entry('cut', 'openai/a', '0.001') . entry('both', 'together_ai/a', '0.001')
    . entry('fixed', 'deepseek/a', '0.001') . entry('all', 'groq/a', '0.001') . entry('gratis', 'deepseek/a', '0')
    . entry('less', 'xai/a', '0.001') . <<"END";
litellm_settings:
  num_retries: 0
  cost_discount_config: {openai: 0.05, together_ai: 0.5, xai: 0.2}
  cost_margin_config:
    openai: 0
    together_ai: 0.1
    deepseek: {percentage: 0.08, fixed_amount: 0.0005}
    global: 0.25
general_settings: {master_key: $master}
virtual_keys:
  - {key: sk-key-of-the-rich, max_budget: 100}
  - {key: sk-key-of-the-poor, max_budget: 1}
  - {key: sk-key-of-nobody, max_budget: 0.0004}
END

$t->write_conf(http => <<'END');
log_format cost '$http_mark $litellm_cost';
access_log %%DIR%%/cost.log cost;
END
$t->write_file_expand('litellm.yaml', $yaml);
$t->mock(8081, sub { return answer(200, openai_chat('Hi')) });
$t->run;

# 7 and 3 tokens at a thousandth
sub ask {
    my ($model, $key, %more) = @_;
    return http(chat($model, headers => [Authorization => 'Bearer ' . ($key // $master), Mark => "of-$model"], %more));
}

# $litellm_cost of that model's request
sub logged {
    my $model = shift;
    my $end = time() + 10 * $LiteLLM::Peer::slow;
    while (time() < $end) {
        return $1 if $t->read_file('cost.log') =~ /^of-\Q$model\E (\S+)$/m;
        select undef, undef, undef, 0.02;
    }
    return 'no line';
}

# cost, original, discount, margin and its share; undef: no such header
for (['cut', '0.0095', '0.01', '0.0005', undef, undef], ['both', '0.0055', '0.01', '0.005', '0.0005', '0.1'],
    ['fixed', '0.0113', '0.01', undef, '0.0013', '0.08'], ['all', '0.0125', '0.01', undef, '0.0025', '0.25'],
    ['gratis', '0.0005', '0', undef, '0.0005', '0.08'], ['less', '0.01', '0.01', '0.002', '0.002', '0.25'])
{
    my ($model, @want) = @$_;
    my $h = ask($model)->{header};
    my $name = 'x-litellm-response-cost';
    is($h->{$name}, $want[0], "$model: cost");
    is($h->{"$name-original"}, $want[1], "$model: original");
    is($h->{"$name-discount-amount"}, $want[2], "$model: discount");
    is($h->{"$name-margin-amount"}, $want[3], "$model: margin");
    is($h->{"$name-margin-percent"}, $want[4], "$model: its share");
    is(logged($model), $want[0], "$model: variable");
}

# the key pays what the header says

my $rich = 'sk-key-of-the-rich';
ask('both', $rich);
is(ask('fixed', $rich)->{header}{'x-litellm-key-spend'}, '0.0168', 'booked');

# what is reserved for so many tokens, and for a few of the prompt, is with the
# margin and the discount: without either it would be the other way round

is(ask('gratis', 'sk-key-of-nobody')->{status}, 422, 'a fixed amount is reserved');
is(ask('all', 'sk-key-of-the-poor', max_tokens => 900)->{status}, 422, 'so is a margin');
is(ask('cut', 'sk-key-of-the-poor', max_tokens => 1000)->{status}, 200, 'and what a discount leaves');
is(ask('less', 'sk-key-of-the-poor', max_tokens => 900)->{status}, 200, 'and what both leave');

# calculated by the API

my $r = http_post('/spend/calculate', { model => 'both', completion_response => { usage => { prompt_tokens => 7, completion_tokens => 3 } } },
    Authorization => "Bearer $master");
is(json_of($r->{body})->{cost}, 0.0055, '/spend/calculate');

# wrong ones

for (['cost_discount_config: {openai: 1.5}', qr/"cost_discount_config" must be a share, 0\.05 for 5 percent, and 1 at most/],
    ['cost_discount_config: {openai: -0.1}', qr/"cost_discount_config" must be a number of 0 or more/],
    ['cost_discount_config: {global: 0.1}', qr/"cost_discount_config" has no "global"/],
    ['cost_discount_config: [openai]', qr/"cost_discount_config" must be a map of providers/],
    ['cost_margin_config: {openai: {percent: 1}}', qr/has "percentage" and "fixed_amount", not "percent"/],
    ['cost_margin_config: {global: 101}', qr/"cost_margin_config" must be a share/],
    ['cost_margin_config: {openai: -0.1}', qr/"cost_margin_config" must be a number of 0 or more/],
    ['cost_margin_config: 0.1', qr/"cost_margin_config" must be a map of providers/],
    ['cost_margin_config: {' . join(', ', map { "p$_: 0" } 0 .. 1000) . '}', qr/"cost_margin_config" has more than 1000 members/],
    ['cost_margin_config: {openai: {fixed_amount: -1}}', qr/"fixed_amount" must be a number of 0 or more/])
{
    my ($text, $re) = @$_;
    $t->write_file_expand('litellm.yaml', "litellm_settings: {$text}\n" . "model_list:\n" . entry('x', 'openai/a', 1));
    like(($t->test_conf)[1], $re, substr($text, 0, 60));
}
