/* Holds a line, as any other program might: hold CHIP OFFSET. */
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count != 3) return 64;
  int chip = open(arguments[1], O_RDWR);
  struct gpiohandle_request request = {.flags = GPIOHANDLE_REQUEST_INPUT, .lines = 1};
  request.lineoffsets[0] = (unsigned)atoi(arguments[2]);
  strcpy(request.consumer_label, "holder");
  if (chip < 0 || ioctl(chip, GPIO_GET_LINEHANDLE_IOCTL, &request) != 0) {
    perror(arguments[1]);
    return 1;
  }
  pause();
  return 0;
}
