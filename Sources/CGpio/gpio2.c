/* CGpio.h over libgpiod 2.x; empty where 1.x is installed. */
#include "CGpio.h"
#include <errno.h>
#include <fcntl.h>
#include <gpiod.h>
#include <stdio.h>
#include <stdlib.h>
#ifndef GPIOD_LINE_BULK_MAX_LINES /* gone in 2.x */

struct gateway_gpio_chip {
  struct gpiod_chip *chip;
};

struct gateway_gpio_request {
  struct gpiod_line_request *request;
  struct gpiod_edge_event_buffer *buffer;
  unsigned offset;
  bool has_edges;
};

int gateway_gpio_api(void) { return 2; }

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
  struct gpiod_chip_info *info = gpiod_chip_get_info(chip->chip);
  if (!info) return -1;
  snprintf(label, room, "%s", gpiod_chip_info_get_label(info));
  gpiod_chip_info_free(info);
  return 0;
}

int gateway_gpio_line_count(struct gateway_gpio_chip *chip) {
  struct gpiod_chip_info *info = gpiod_chip_get_info(chip->chip);
  if (!info) return -1;
  int count = (int)gpiod_chip_info_get_num_lines(info);
  gpiod_chip_info_free(info);
  return count;
}

int gateway_gpio_line_info(
    struct gateway_gpio_chip *chip, unsigned offset, struct gateway_gpio_line_info *info) {
  struct gpiod_line_info *line = gpiod_chip_get_line_info(chip->chip, offset);
  if (!line) return -1;
  const char *name = gpiod_line_info_get_name(line), *consumer = gpiod_line_info_get_consumer(line);
  snprintf(info->name, sizeof info->name, "%s", name ? name : "");
  snprintf(info->consumer, sizeof info->consumer, "%s", consumer ? consumer : "");
  info->is_used = gpiod_line_info_is_used(line);
  info->is_output = gpiod_line_info_get_direction(line) == GPIOD_LINE_DIRECTION_OUTPUT;
  info->is_active_low = gpiod_line_info_is_active_low(line);
  gpiod_line_info_free(line);
  return 0;
}

static void apply(const struct gateway_gpio_settings *settings, struct gpiod_line_settings *line) {
  static const enum gpiod_line_edge edges[] = {
      [GATEWAY_GPIO_NO_EDGE] = GPIOD_LINE_EDGE_NONE,
      [GATEWAY_GPIO_RISING] = GPIOD_LINE_EDGE_RISING,
      [GATEWAY_GPIO_FALLING] = GPIOD_LINE_EDGE_FALLING,
      [GATEWAY_GPIO_BOTH_EDGES] = GPIOD_LINE_EDGE_BOTH,
  };
  static const enum gpiod_line_bias bias[] = {
      [GATEWAY_GPIO_BIAS_AS_IS] = GPIOD_LINE_BIAS_AS_IS,
      [GATEWAY_GPIO_BIAS_DISABLED] = GPIOD_LINE_BIAS_DISABLED,
      [GATEWAY_GPIO_PULL_UP] = GPIOD_LINE_BIAS_PULL_UP,
      [GATEWAY_GPIO_PULL_DOWN] = GPIOD_LINE_BIAS_PULL_DOWN,
  };
  gpiod_line_settings_set_direction(
      line, settings->keeps_direction ? GPIOD_LINE_DIRECTION_AS_IS : GPIOD_LINE_DIRECTION_INPUT);
  gpiod_line_settings_set_edge_detection(line, edges[settings->edges]);
  gpiod_line_settings_set_bias(line, bias[settings->bias]);
  gpiod_line_settings_set_active_low(line, settings->is_active_low);
}

/* The library's three objects behind one request; NULL and errno when one of them cannot be had. */
static struct gpiod_line_request *ask(
    struct gpiod_chip *chip, unsigned offset, const char *consumer,
    const struct gateway_gpio_settings *settings) {
  struct gpiod_line_request *request = NULL;
  struct gpiod_line_settings *line = gpiod_line_settings_new();
  struct gpiod_line_config *lines = gpiod_line_config_new();
  struct gpiod_request_config *config = gpiod_request_config_new();
  if (line && lines && config) {
    apply(settings, line);
    gpiod_request_config_set_consumer(config, consumer);
    gpiod_request_config_set_event_buffer_size(config, settings->event_room);
    if (gpiod_line_config_add_line_settings(lines, &offset, 1, line) == 0) {
      request = gpiod_chip_request_lines(chip, config, lines);
    }
  }
  int code = errno;
  if (config) gpiod_request_config_free(config);
  if (lines) gpiod_line_config_free(lines);
  if (line) gpiod_line_settings_free(line);
  errno = code;
  return request;
}

struct gateway_gpio_request *gateway_gpio_request(
    struct gateway_gpio_chip *chip, unsigned offset, const char *consumer,
    const struct gateway_gpio_settings *settings) {
  struct gateway_gpio_request *request = malloc(sizeof *request);
  if (!request) return NULL;
  *request = (struct gateway_gpio_request){
      .buffer = gpiod_edge_event_buffer_new(GATEWAY_GPIO_READ),
      .offset = offset,
      .has_edges = settings->edges != GATEWAY_GPIO_NO_EDGE,
  };
  if (request->buffer) request->request = ask(chip->chip, offset, consumer, settings);
  if (request->request) {
    fcntl(gpiod_line_request_get_fd(request->request), F_SETFL, O_NONBLOCK);
    return request;
  }
  int code = errno;
  gpiod_edge_event_buffer_free(request->buffer);
  free(request);
  errno = code;
  return NULL;
}

void gateway_gpio_release(struct gateway_gpio_request *request) {
  gpiod_line_request_release(request->request);
  gpiod_edge_event_buffer_free(request->buffer);
  free(request);
}

int gateway_gpio_level(struct gateway_gpio_request *request) {
  return gpiod_line_request_get_value(request->request, request->offset);
}

int gateway_gpio_descriptor(struct gateway_gpio_request *request) {
  return request->has_edges ? gpiod_line_request_get_fd(request->request) : -1;
}

int gateway_gpio_read_events(
    struct gateway_gpio_request *request, struct gateway_gpio_event *events, size_t room) {
  int count = gpiod_line_request_read_edge_events(request->request, request->buffer, room);
  for (int place = 0; place < count; place++) {
    struct gpiod_edge_event *event =
        gpiod_edge_event_buffer_get_event(request->buffer, (unsigned long)place);
    events[place] = (struct gateway_gpio_event){
        .nanoseconds = gpiod_edge_event_get_timestamp_ns(event),
        .line_seqno = gpiod_edge_event_get_line_seqno(event),
        .is_rising = gpiod_edge_event_get_event_type(event) == GPIOD_EDGE_EVENT_RISING_EDGE,
    };
  }
  return count;
}
#endif
