// Facts of the Smart Data Models (https://smartdatamodels.org, CC BY 4.0): names, types, ranges and required
// attributes from each schema.json, units from the descriptions there. For the lines' form see `SmartModel.init`.

extension SmartModel {
  /// dataModel.Device/Device 0.0.9, commit 96e38834ed of 2026-03-10.
  static let device = SmartModel(
    "Device", of: "Device", required: ["controlledProperty"],
    """
    controlledAsset links
    mnc text
    mcc text
    dateInstalled date
    dateFirstUsed date
    dateManufactured date
    hardwareVersion text
    softwareVersion text
    firmwareVersion text
    osVersion text
    distance number
    dstAware flag
    depth number
    relativePosition text
    direction word (Inlet,Outlet,Entry,Exit)
    dateLastCalibration date
    serialNumber text
    provider text
    refDeviceModel link
    batteryLevel number -1..1 u:C62
    rssi number
    deviceState text
    dateLastValueReported date
    value text
    dateObserved date
    controlledProperty words (airPollution,atmosphericPressure,averageVelocity,batteryLife,\
    batterySupply,cdom,conductance,conductivity,depth,eatingActivity,electricityConsumption,energy,\
    fillingLevel,freeChlorine,gasConsumption,gateOpening,heading,humidity,light,location,milking,motion,\
    movementActivity,noiseLevel,occupancy,orp,pH,power,precipitation,pressure,refractiveIndex,salinity,\
    smoke,soilMoisture,solarRadiation,speed,tds,temperature,trafficFlow,tss,turbidity,uvLampIntensity,\
    uvOrganicLoad,waterConsumption,waterFlow,waterLevel,waterPollution,weatherConditions,weight,\
    windDirection,windSpeed)
    category words (actuator,beacon,endgun,HVAC,implement,irrSection,irrSystem,meter,multimedia,network,\
    sensor)
    """)

  /// dataModel.Device/DeviceMeasurement 0.1.0, commit 96e38834ed of 2026-03-10.
  static let deviceMeasurement = SmartModel(
    "DeviceMeasurement", of: "Device", required: [],
    """
    numValue number u:*
    textValue text
    controlledProperty text
    refDevice link
    deviceType text
    measurementType text
    dateObserved date
    outlier flag
    unit text
    """)
}
