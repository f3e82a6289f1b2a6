/* libgpiod as this gateway needs it: one API over 1.6 (Debian 12) and 2.x (Debian 13), which share no call.
 * What fails returns NULL or -1 and leaves errno. A request does not outlive its chip. */
#ifndef GATEWAY_CGPIO_H
#define GATEWAY_CGPIO_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's GPIO_MAX_NAME_SIZE, its NUL included. */
#define GATEWAY_GPIO_NAME 32

enum gateway_gpio_edges {
  GATEWAY_GPIO_NO_EDGE,
  GATEWAY_GPIO_RISING,
  GATEWAY_GPIO_FALLING,
  GATEWAY_GPIO_BOTH_EDGES
};

enum gateway_gpio_bias {
  GATEWAY_GPIO_BIAS_AS_IS,
  GATEWAY_GPIO_BIAS_DISABLED,
  GATEWAY_GPIO_PULL_UP,
  GATEWAY_GPIO_PULL_DOWN
};

struct gateway_gpio_line_info {
  char name[GATEWAY_GPIO_NAME];
  char consumer[GATEWAY_GPIO_NAME];
  bool is_used;
  bool is_output;
  bool is_active_low;
};

struct gateway_gpio_event {
  uint64_t nanoseconds; /* CLOCK_MONOTONIC, as of Linux 5.7 */
  uint64_t line_seqno;  /* 1, 2, ... for each event of the line; 0 where the API has none (1.x) */
  bool is_rising;
};

struct gateway_gpio_settings {
  enum gateway_gpio_edges edges;
  enum gateway_gpio_bias bias;
  bool is_active_low;
  bool keeps_direction; /* else an input; without edges only */
  size_t event_room;    /* events that the kernel keeps; 1.x: always 16 */
};

struct gateway_gpio_chip;
struct gateway_gpio_request;

/* 2 where built against libgpiod 2.x, else 1. */
int gateway_gpio_api(void);

struct gateway_gpio_chip *gateway_gpio_open(const char *path);
void gateway_gpio_close(struct gateway_gpio_chip *chip);
int gateway_gpio_chip_label(struct gateway_gpio_chip *chip, char *label, size_t room);
int gateway_gpio_line_count(struct gateway_gpio_chip *chip);
int gateway_gpio_line_info(struct gateway_gpio_chip *chip, unsigned offset, struct gateway_gpio_line_info *info);

struct gateway_gpio_request *gateway_gpio_request(
    struct gateway_gpio_chip *chip, unsigned offset, const char *consumer,
    const struct gateway_gpio_settings *settings);
void gateway_gpio_release(struct gateway_gpio_request *request);

/* 1 active, 0 inactive. */
int gateway_gpio_level(struct gateway_gpio_request *request);

/* Readable while events wait; -1 for a request without edges. Non-blocking. */
int gateway_gpio_descriptor(struct gateway_gpio_request *request);

/* Takes up to `room` (at most GATEWAY_GPIO_READ) waiting events, the oldest first; EAGAIN when there are none. */
#define GATEWAY_GPIO_READ 16
int gateway_gpio_read_events(
    struct gateway_gpio_request *request, struct gateway_gpio_event *events, size_t room);
#endif
