/* The shim by itself, over whichever libgpiod it was built with, on a simulated chip: cgpio CHIP SIM_DIRECTORY.
 * Needs lines 10 (named "spare") to 13. */
#include "CGpio.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int failures;
static const char *sim;

static void check(int is_right, const char *what) {
  printf("%s %s\n", is_right ? "ok" : "not ok", what);
  failures += !is_right;
}

static void pull(unsigned line, int up) {
  char path[256];
  snprintf(path, sizeof path, "%s/sim_gpio%u/pull", sim, line);
  int file = open(path, O_WRONLY);
  const char *text = up ? "pull-up" : "pull-down";
  if (file < 0 || write(file, text, strlen(text)) < 0) perror(path);
  close(file);
}

static struct gateway_gpio_request *request(
    struct gateway_gpio_chip *chip, unsigned line, enum gateway_gpio_edges edges, enum gateway_gpio_bias bias,
    bool is_active_low) {
  struct gateway_gpio_settings settings = {
      .edges = edges, .bias = bias, .is_active_low = is_active_low, .event_room = 1024};
  return gateway_gpio_request(chip, line, "cgpio", &settings);
}

static int take(struct gateway_gpio_request *request, struct gateway_gpio_event *events, int most) {
  int count = 0;
  while (count < most) {
    int more = gateway_gpio_read_events(request, events + count, (size_t)(most - count));
    if (more <= 0) break;
    count += more;
  }
  return count;
}

static void edges(struct gateway_gpio_chip *chip) {
  struct gateway_gpio_event events[64];
  pull(11, 0);
  struct gateway_gpio_request *both = request(chip, 11, GATEWAY_GPIO_BOTH_EDGES, GATEWAY_GPIO_BIAS_AS_IS, false);
  check(gateway_gpio_read_events(both, events, 16) == -1 && errno == EAGAIN, "no event is EAGAIN");
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  for (int edge = 0; edge < 10; edge++) pull(11, edge % 2 == 0);
  clock_gettime(CLOCK_MONOTONIC, &after);
  int count = take(both, events, 64), right = count == 10;
  for (int edge = 0; edge < count; edge++) {
    uint64_t last = edge > 0 ? events[edge - 1].nanoseconds : (uint64_t)before.tv_sec * 1000000000u + before.tv_nsec;
    right &= events[edge].is_rising == (edge % 2 == 0) && events[edge].nanoseconds >= last;
    right &= events[edge].nanoseconds <= (uint64_t)after.tv_sec * 1000000000u + after.tv_nsec;
    right &= events[edge].line_seqno == (gateway_gpio_api() == 2 ? (uint64_t)edge + 1 : 0);
  }
  check(right, "edges in their order, at monotonic times, numbered where the API numbers them");
  for (int edge = 0; edge < 100; edge++) pull(11, edge % 2 == 0);
  check(take(both, events, 64) == (gateway_gpio_api() == 2 ? 64 : 16), "the kernel keeps 16, with 2.x what was asked for");
  gateway_gpio_release(both);
  struct gateway_gpio_request *falling = request(chip, 11, GATEWAY_GPIO_FALLING, GATEWAY_GPIO_BIAS_AS_IS, true);
  pull(11, 1);
  pull(11, 0);
  check(take(falling, events, 64) == 1 && !events[0].is_rising, "active low: up is the falling edge");
  gateway_gpio_release(falling);
}

int main(int count, char **arguments) {
  if (count != 3) return 64;
  sim = arguments[2];
  printf("# libgpiod %d.x\n", gateway_gpio_api());
  check(gateway_gpio_open("/dev/null") == NULL && errno != 0, "what is no chip is refused");
  struct gateway_gpio_chip *chip = gateway_gpio_open(arguments[1]);
  if (!chip) return perror(arguments[1]), 1;
  char label[32];
  check(gateway_gpio_chip_label(chip, label, sizeof label) == 0 && label[0], "the chip has a label");
  check(gateway_gpio_line_count(chip) == 16, "and 16 lines");
  struct gateway_gpio_line_info info;
  check(gateway_gpio_line_info(chip, 10, &info) == 0 && strcmp(info.name, "spare") == 0 && !info.is_used,
      "a line has its name and no holder");
  check(gateway_gpio_line_info(chip, 16, &info) == -1, "a line beyond the last is refused");
  struct gateway_gpio_request *up = request(chip, 10, GATEWAY_GPIO_NO_EDGE, GATEWAY_GPIO_PULL_UP, false);
  check(up && gateway_gpio_level(up) == 1 && gateway_gpio_descriptor(up) == -1, "pulled up it is active");
  check(gateway_gpio_line_info(chip, 10, &info) == 0 && info.is_used && strcmp(info.consumer, "cgpio") == 0,
      "a held line has its holder's name");
  struct gateway_gpio_chip *other = gateway_gpio_open(arguments[1]);
  check(request(other, 10, GATEWAY_GPIO_NO_EDGE, GATEWAY_GPIO_BIAS_AS_IS, false) == NULL && errno == EBUSY,
      "another holder is EBUSY");
  gateway_gpio_close(other);
  gateway_gpio_release(up);
  struct gateway_gpio_request *low = request(chip, 12, GATEWAY_GPIO_NO_EDGE, GATEWAY_GPIO_PULL_DOWN, true);
  check(low && gateway_gpio_level(low) == 1, "active low and pulled down it is active");
  gateway_gpio_release(low);
  edges(chip);
  gateway_gpio_close(chip);
  return failures;
}
