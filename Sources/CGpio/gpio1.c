/* CGpio.h over libgpiod 1.6; empty where 2.x is installed. */
#include "CGpio.h"
#include <errno.h>
#include <fcntl.h>
#include <gpiod.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef GPIOD_LINE_BULK_MAX_LINES /* gone in 2.x */

struct gateway_gpio_chip {
  struct gpiod_chip *chip;
};

struct gateway_gpio_request {
  struct gpiod_line *line;
  int descriptor;
};

int gateway_gpio_api(void) { return 1; }

struct gateway_gpio_chip *gateway_gpio_open(const char *path) {
  struct gateway_gpio_chip *chip = malloc(sizeof *chip);
  if (!chip) return NULL;
  chip->chip = gpiod_chip_open(path);
  if (chip->chip) return chip;
  int code = errno;
  free(chip);
  errno = code;
  return NULL;
}

void gateway_gpio_close(struct gateway_gpio_chip *chip) {
  gpiod_chip_close(chip->chip);
  free(chip);
}

int gateway_gpio_chip_label(struct gateway_gpio_chip *chip, char *label, size_t room) {
  snprintf(label, room, "%s", gpiod_chip_label(chip->chip));
  return 0;
}

int gateway_gpio_line_count(struct gateway_gpio_chip *chip) { return (int)gpiod_chip_num_lines(chip->chip); }

int gateway_gpio_line_info(
    struct gateway_gpio_chip *chip, unsigned offset, struct gateway_gpio_line_info *info) {
  struct gpiod_line *line = gpiod_chip_get_line(chip->chip, offset);
  if (!line || gpiod_line_update(line) != 0) return -1;
  const char *name = gpiod_line_name(line), *consumer = gpiod_line_consumer(line);
  snprintf(info->name, sizeof info->name, "%s", name ? name : "");
  snprintf(info->consumer, sizeof info->consumer, "%s", consumer ? consumer : "");
  info->is_used = gpiod_line_is_used(line);
  info->is_output = gpiod_line_direction(line) == GPIOD_LINE_DIRECTION_OUTPUT;
  info->is_active_low = gpiod_line_active_state(line) == GPIOD_LINE_ACTIVE_STATE_LOW;
  return 0;
}

static int flags(const struct gateway_gpio_settings *settings) {
  static const int bias[] = {
      [GATEWAY_GPIO_BIAS_DISABLED] = GPIOD_LINE_REQUEST_FLAG_BIAS_DISABLE,
      [GATEWAY_GPIO_PULL_UP] = GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP,
      [GATEWAY_GPIO_PULL_DOWN] = GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN,
  };
  return bias[settings->bias] | (settings->is_active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0);
}

static int type(const struct gateway_gpio_settings *settings) {
  switch (settings->edges) {
  case GATEWAY_GPIO_RISING: return GPIOD_LINE_REQUEST_EVENT_RISING_EDGE;
  case GATEWAY_GPIO_FALLING: return GPIOD_LINE_REQUEST_EVENT_FALLING_EDGE;
  case GATEWAY_GPIO_BOTH_EDGES: return GPIOD_LINE_REQUEST_EVENT_BOTH_EDGES;
  default:
    return settings->keeps_direction ? GPIOD_LINE_REQUEST_DIRECTION_AS_IS
                                     : GPIOD_LINE_REQUEST_DIRECTION_INPUT;
  }
}

struct gateway_gpio_request *gateway_gpio_request(
    struct gateway_gpio_chip *chip, unsigned offset, const char *consumer,
    const struct gateway_gpio_settings *settings) {
  struct gpiod_line *line = gpiod_chip_get_line(chip->chip, offset);
  if (!line) return NULL;
  struct gateway_gpio_request *request = malloc(sizeof *request);
  if (!request) return NULL;
  struct gpiod_line_request_config config = {
      .consumer = consumer, .request_type = type(settings), .flags = flags(settings)};
  if (gpiod_line_request(line, &config, 0) != 0) {
    int code = errno;
    free(request);
    errno = code;
    return NULL;
  }
  request->line = line;
  request->descriptor = settings->edges == GATEWAY_GPIO_NO_EDGE ? -1 : gpiod_line_event_get_fd(line);
  if (request->descriptor >= 0) fcntl(request->descriptor, F_SETFL, O_NONBLOCK);
  return request;
}

void gateway_gpio_release(struct gateway_gpio_request *request) {
  gpiod_line_release(request->line);
  free(request);
}

int gateway_gpio_level(struct gateway_gpio_request *request) { return gpiod_line_get_value(request->line); }

int gateway_gpio_descriptor(struct gateway_gpio_request *request) { return request->descriptor; }

int gateway_gpio_read_events(
    struct gateway_gpio_request *request, struct gateway_gpio_event *events, size_t room) {
  struct gpiod_line_event read[GATEWAY_GPIO_READ];
  if (room > GATEWAY_GPIO_READ) room = GATEWAY_GPIO_READ;
  int count = gpiod_line_event_read_multiple(request->line, read, (unsigned)room);
  for (int place = 0; place < count; place++) {
    events[place] = (struct gateway_gpio_event){
        .nanoseconds = (uint64_t)read[place].ts.tv_sec * 1000000000u + (uint64_t)read[place].ts.tv_nsec,
        .is_rising = read[place].event_type == GPIOD_LINE_EVENT_RISING_EDGE,
    };
  }
  return count;
}
#endif
